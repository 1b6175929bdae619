"""Webhooks: while processes die, no end of a job goes untold; a dead endpoint delays no other.

Thousands of small jobs of two owners end while processes are killed and frozen, PostgreSQL is restarted and connections
are cut. Four endpoints ask to be told: one is healthy, one is down at first, one of another user fails three times in
ten, and one is told of all jobs. Afterwards what they received is compared with the jobs. Then a healthy endpoint is
told of jobs that end steadily: alone, beside a slow one and beside a hundred that are dead.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from proofs.deliveries_beside import show_beside
from proofs.deliveries_storm import show_deliveries
from proofs.kill import EVENTS, IN_FLIGHT, LEASE_SECONDS, SETTINGS
from proofs.report import Report
from proofs.world.service import World

SCENES = ("storm", "beside")
# The receivers are on this machine. An attempt that is never answered ends soon enough for the storm to go on.
RECEIVERS = {"WEBHOOK_ALLOW_CIDRS": "127.0.0.1/32", "WEBHOOK_ALLOW_PORTS": "1024-65535"}
STORM = {**SETTINGS, **RECEIVERS, "WEBHOOK_SECONDS": "3"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scenes", nargs="+", choices=SCENES, default=list(SCENES), metavar="SCENE", help=f"of {', '.join(SCENES)}"
    )
    parser.add_argument("--jobs", type=int, default=10_000, help="how many end in the storm (default: 10000)")
    parser.add_argument("--kills", type=int, default=100, help="how many processes are killed (default: 100)")
    parser.add_argument("--dead", type=int, default=100, help="how many endpoints are dead (default: 100)")
    parser.add_argument("--steady", type=int, default=300, help="how many jobs end beside them (default: 300)")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds from one of these to the next (default: 0.5)")
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: 1)")


def prove(options: argparse.Namespace) -> Report:
    report = Report()
    if "storm" in options.scenes:
        with TemporaryDirectory(prefix="retail-pulse-deliveries-") as folder, World(Path(folder), **STORM) as world:
            servers = [world.server("server-1"), world.server("server-2")]
            processes = [*servers, world.worker("worker")]
            planned = {"kill": options.kills, **EVENTS}
            show_deliveries(
                report, world, servers, processes, planned, options.jobs, options.seed, LEASE_SECONDS, IN_FLIGHT
            )
    if "beside" in options.scenes:
        # Otherwise as it is by default.
        with TemporaryDirectory(prefix="retail-pulse-deliveries-") as folder, World(Path(folder), **RECEIVERS) as world:
            show_beside(report, world, options.steady, options.pause, options.dead, options.seed)
    return report
