"""Webhooks arrive, signed so that libraries of others verify them.

A server with an engine tells receivers on loopback of jobs that it works off. Each scene of SCENES is one promise; by
default all of them are tried.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from proofs import webhook_signatures
from proofs.report import Report
from proofs.world.service import World

type Scene = Callable[[Report, World, argparse.Namespace], None]

SCENES: dict[str, Scene] = {"signatures": webhook_signatures.show}
SETTINGS = {
    "WEBHOOK_ALLOW_CIDRS": "127.0.0.1/32",
    "WEBHOOK_ALLOW_PORTS": "1-65535",
    "GPU_MIN_SECONDS": "0",
    "GPU_MAX_SECONDS": "0",
    "LEASE_SECONDS": "5",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scene", choices=SCENES, help="try this promise alone")
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: 1)")


def prove(options: argparse.Namespace) -> Report:
    report = Report()
    for name in [options.scene] if options.scene else SCENES:
        with TemporaryDirectory(prefix="proof-webhooks-") as folder, World(Path(folder), **SETTINGS) as world:
            SCENES[name](report, world, options)
    return report
