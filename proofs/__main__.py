"""`./run proof NAME [options]`: proves one promise.

Exit code 0 where every bar was met, 1 where one was missed, 3 where this machine cannot run the proof.
`./run proof NAME --help` lists a proof's options.
"""

import argparse
import importlib
import signal
import sys
from time import monotonic

from rich.console import Console

from proofs.report import CannotProve

NAMES = (
    "kill",
    "faults",
    "images",
    "hostile",
    "schema",
    "ssrf",
    "soak",
    "hosts",
    "models",
    "signs",
    "telemetry",
    "figures",
    "photos",
    "feed",
    "containers",
    "webhooks",
)
CANNOT_PROVE = 3


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run proof", description="Prove a promise of the service on this machine.")
    commands = parser.add_subparsers(metavar="NAME", required=True)
    for name in NAMES:
        proof = importlib.import_module(f"proofs.{name}")
        command = commands.add_parser(name, help=str(proof.__doc__).partition("\n")[0], description=proof.__doc__)
        command.set_defaults(prove=proof.prove, name=name)
        proof.add_arguments(command)
    options = parser.parse_args(arguments)
    # On SIGTERM a proof still stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = Console(soft_wrap=False, width=None if sys.stdout.isatty() else 160)
    begun = monotonic()
    try:
        report = options.prove(options)
    except CannotProve as reason:
        console.print(f"Cannot be proved here: {reason}", markup=False)
        return CANNOT_PROVE
    report.show(console)
    missed = len(report.missed)
    summary = f"{missed} missed" if missed else "every bar met"
    console.print(f"proof {options.name}: {summary}, {monotonic() - begun:.1f} s", markup=False, highlight=False)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
