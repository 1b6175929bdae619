"""`./run bench [CASE ...]`: measure the service against alternatives that do its work, in one run, round by round.

Writes results.json and plots into --out, and prints tables with the targets; exit code 1 where one is missed, 3 where
this machine lacks what the harness needs.
"""

import argparse
import importlib
import json
import os
import platform
import signal
import sys
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console

from benchmarks.contestants import Bench
from proofs.report import CannotProve, Report

# The argument of each case, and its module where that has another name: `seats` measures worker slots, and no module
# can be called `import`.
NAMES = (
    "pipeline",
    "seats",
    "processes",
    "fleet",
    "announce",
    "brokers",
    "submit",
    "status",
    "backlog",
    "fair",
    "import",
    "rows",
    "prune",
    "telemetry",
    "partitions",
    "batches",
    "insights",
    "evidence",
    "webhooks",
)
CASES = {name: name for name in NAMES}
CASES |= {"seats": "slots", "import": "imports"}
CANNOT_MEASURE = 3


def main(arguments: list[str]) -> int:
    cases = {name: importlib.import_module(f"benchmarks.{module}") for name, module in CASES.items()}
    about = "\n".join(f"  {name:10} {str(case.__doc__).partition(chr(10))[0]}" for name, case in cases.items())
    parser = argparse.ArgumentParser(
        prog="./run bench",
        description=str(__doc__).partition("\n\n")[2],
        epilog=f"cases:\n{about}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help="a case to measure (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contestant runs (default: 5)")
    parser.add_argument("--scale", type=float, default=1.0, help="factor for the number of images (default: 1.0)")
    parser.add_argument(
        "--out", type=Path, default=Path(".bench"), help="folder for results and plots (default: .bench)"
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.cases) - set(cases):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    # On SIGTERM it still stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = Console(soft_wrap=False, width=None if sys.stdout.isatty() else 160)
    options.out.mkdir(exist_ok=True)
    machine = {"processors": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    results: dict[str, Any] = {}
    missed = 0
    try:
        with Bench() as bench:
            for name in options.cases or cases:
                report, begun = Report(), monotonic()
                results[name] = cases[name].measure(bench, report, options.rounds, options.scale)
                report.show(console)
                load = " ".join(f"{each:.1f}" for each in os.getloadavg())
                console.print(f"bench {name}: {len(report.missed)} missed, {monotonic() - begun:.0f} s, load {load}\n")
                missed += len(report.missed)
                # After every case, so that a later failure does not lose it.
                (options.out / "results.json").write_text(json.dumps({"machine": machine, "cases": results}, indent=1))
                if plot := getattr(cases[name], "plot", None):
                    plot(results[name], options.out / f"{name}.png")
    except CannotProve as reason:
        console.print(f"Cannot be measured here: {reason}", markup=False)
        return CANNOT_MEASURE
    console.print(f"Written: {options.out}/results.json", markup=False)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
