"""Webhooks arrive, signed as others verify it, whatever dies meanwhile; a dead endpoint delays no other.

signatures: requests that the service has really sent are given to Python's reference library and to npm's.

storm: thousands of small jobs of two owners end while processes are killed and frozen, PostgreSQL is restarted and
connections are cut. Four endpoints ask to be told: one is healthy, one is down at first, one of another user fails
three times in ten, and one is told of all jobs. Afterwards what they received is compared with the jobs.

beside: a healthy endpoint is told of jobs that end steadily: alone, beside a slow one, beside a hundred that are dead,
and beside a hundred that are dead and new at once, of another owner and of the same.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from proofs.kill import EVENTS, IN_FLIGHT, LEASE_SECONDS, SETTINGS
from proofs.report import Report
from proofs.webhook_beside import (
    A_SLOW_ONE,
    NOTHING,
    dead_ones,
    new_dead_ones,
    new_dead_ones_of_another,
    show_beside,
)
from proofs.webhook_signatures import show_signatures
from proofs.webhook_storm import show_storm
from proofs.world.service import World

type Scene = Callable[[Report, World, argparse.Namespace], None]

# The receivers are on this machine.
RECEIVERS = {"WEBHOOK_ALLOW_CIDRS": "127.0.0.1/32", "WEBHOOK_ALLOW_PORTS": "1024-65535"}
# An attempt that is never answered ends soon enough for the storm to go on.
STORM = {**SETTINGS, **RECEIVERS, "WEBHOOK_SECONDS": "3"}
QUICK = {**RECEIVERS, "GPU_MIN_SECONDS": "0", "GPU_MAX_SECONDS": "0", "LEASE_SECONDS": "5"}


def _signatures(report: Report, world: World, options: argparse.Namespace) -> None:
    show_signatures(report, world, options.seed)


def _storm(report: Report, world: World, options: argparse.Namespace) -> None:
    servers = [world.server("server-1"), world.server("server-2")]
    processes = [*servers, world.worker("worker")]
    planned = {"kill": options.kills, **EVENTS}
    show_storm(report, world, servers, processes, planned, options.jobs, options.seed, LEASE_SECONDS, IN_FLIGHT)


def _beside(report: Report, world: World, options: argparse.Namespace) -> None:
    dead = [make(options.dead) for make in (dead_ones, new_dead_ones_of_another, new_dead_ones)]
    show_beside(report, world, options.steady, options.pause, [NOTHING, A_SLOW_ONE, *dead], options.seed)


# Each with the settings that differ from the defaults.
SCENES: dict[str, tuple[Scene, Mapping[str, str]]] = {
    "signatures": (_signatures, QUICK),
    "storm": (_storm, STORM),
    "beside": (_beside, RECEIVERS),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scene", choices=SCENES, action="append", help="only this one; may be given several times")
    parser.add_argument("--jobs", type=int, default=10_000, help="how many end in the storm (default: 10000)")
    parser.add_argument("--kills", type=int, default=100, help="how many processes are killed (default: 100)")
    parser.add_argument("--dead", type=int, default=100, help="how many endpoints are dead (default: 100)")
    parser.add_argument("--steady", type=int, default=300, help="how many jobs end beside them (default: 300)")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds from one of these to the next (default: 0.5)")
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: 1)")


def prove(options: argparse.Namespace) -> Report:
    report = Report()
    for name in options.scene or SCENES:
        show, settings = SCENES[name]
        with TemporaryDirectory(prefix="retail-pulse-webhooks-") as folder, World(Path(folder), **settings) as world:
            show(report, world, options)
    return report
