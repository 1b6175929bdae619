"""Importing a store master: one of realistic size, and a million rows."""

import os
import subprocess
import sys
import time
from statistics import median
from typing import Any

from benchmarks.accounting import PeakMemory
from benchmarks.contestants import Bench
from benchmarks.samples import spread
from proofs.report import Report
from proofs.world.cluster import CHECKOUT

ROWS = (4_944, 1_000_000)
SECONDS, MEGABYTES = {1_000_000: 60.0}, {1_000_000: 150.0}


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    table = report.table("Import of a store master", "rows", "seconds, process start included", "peak MB")
    samples: dict[str, Any] = {}
    for rows in ROWS:
        file = bench.folder / f"stores-{rows}.csv"
        with file.open("w") as out:
            out.write("AreaCode,StoreName,StoreID\n")
            out.writelines(f'{7_000_000 + n % 400},"SHOP, NO {n}",B{n:07}\n' for n in range(int(rows * scale)))
        seconds, peaks = [], []
        for _ in range(rounds if rows < 100_000 else 1):
            variables = bench.variables(bench.cluster.url(bench.new_database()), "import")
            begun = time.monotonic()
            process = subprocess.Popen(
                [sys.executable, "manage.py", "import_stores", os.fspath(file)],
                cwd=CHECKOUT,
                env=variables,
                stdout=subprocess.DEVNULL,
            )
            with PeakMemory([process.pid]) as peak:
                assert process.wait() == 0
            seconds.append(time.monotonic() - begun)
            peaks.append(peak.mb)
        table.add(f"{rows:,}", spread(seconds), f"{median(peaks):.0f}", ok=True)
        if rows in SECONDS:
            report.bar(
                f"import {rows:,} rows",
                f"{median(seconds):.1f} s",
                f"< {SECONDS[rows]:g} s",
                ok=median(seconds) < SECONDS[rows],
            )
            report.bar(
                f"import {rows:,} rows, memory",
                f"{max(peaks):.0f} MB",
                f"< {MEGABYTES[rows]:g} MB",
                ok=max(peaks) < MEGABYTES[rows],
            )
        samples[str(rows)] = {"seconds": seconds, "peak_mb": peaks}
    return samples
