"""Insights over 10,000,000 images in 2,000,000 visits: what each panel and page costs, and a refresh for each image."""

import json
import subprocess
import sys
from math import inf
from statistics import median
from typing import Any

from benchmarks.contestants import Bench
from benchmarks.samples import spread
from proofs.report import Report
from proofs.world.cluster import CHECKOUT
from proofs.world.visits import Run, Sizes, fill, fill_images

# The images of so many visits are written as rows, and summed.
SUMMED_VISITS = 200_000
# In milliseconds and microseconds of processor time, of PostgreSQL and Python together.
MOST_MS = {"panel": 500, "page": 1_000}
MOST_US = 10


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    refreshed = _refresh(bench, report, Sizes(visits=int(SUMMED_VISITS * scale)))
    full = Sizes()
    sizes = Sizes(visits=int(full.visits * scale), stores=max(20, int(full.stores * scale)))
    database = bench.new_database()
    with bench.cluster.connect(database) as connection:
        run = _runner(connection)
        fill(run, sizes)
        run("VACUUM ANALYZE insights_visitsummary, insights_hosthour, stores_store", {})
        ((size,),) = run("SELECT pg_total_relation_size('insights_visitsummary')", {})
    found = _ask(bench, database, "panels", str(rounds))
    title = f"Processor time once days are summed, {sizes.visits:,} visits"
    table = report.table(title, "what", "path", "ms", "of PostgreSQL", "the very first", "kB")
    for each in found["asked"]:
        total, most = median(each["ms"]), MOST_MS[each["kind"]]
        table.add(
            each["kind"],
            each["path"],
            spread(each["ms"], 0) if each["status"] == 200 else f"answered {each['status']}",
            f"{median(each['postgres_ms']):,.0f}",
            f"{each['first_ms']:,.0f}",
            f"{each['bytes'] / 1000:,.0f}",
            ok=each["status"] == 200 and max(total, each["first_ms"]) < most,
        )
    for kind, most in MOST_MS.items():
        # One at least, else none of them was found.
        cost = [max(each["first_ms"], median(each["ms"])) for each in found["asked"] if each["kind"] == kind]
        slowest = max(cost, default=inf)
        report.bar(f"the dearest {kind}", f"{slowest:,.0f} ms", f"< {most:,} ms", ok=slowest < most)
    report.table("What the refresher keeps, from nothing on", "days, ms", "rates of stores, ms").add(
        f"{found['days_ms']:,.0f}", f"{found['rates_ms']:,.0f}", ok=True
    )
    report.table("The summaries", "MB", "bytes a visit").add(
        f"{size / 1e6:,.0f}", f"{size / sizes.visits:,.0f}", ok=True
    )
    return {"refresh": refreshed, "panels": found, "bytes": size}


def _refresh(bench: Bench, report: Report, sizes: Sizes) -> dict[str, Any]:
    """What the first refresh of such a database costs for each image, and one that finds all of it summed."""
    database = bench.new_database()
    with bench.cluster.connect(database) as connection:
        run = _runner(connection)
        fill(run, sizes)
        fill_images(run)
        run("TRUNCATE insights_visitsummary, insights_hosthour, insights_refreshed", {})
    found: dict[str, Any] = _ask(bench, database, "refresh")
    table = report.table("A refresh", "what", "images", "µs of processor time an image", "MB at most")
    for what, each in found.items():
        us = each["us"]
        table.add(what, f"{each['images']:,}", f"{us:.1f}", f"{each['mb']:.0f}", ok=us < MOST_US)
    worst = max(each["us"] for each in found.values())
    report.bar("a refresh, each finished image", f"{worst:.1f} µs", f"<= {MOST_US} µs", ok=worst <= MOST_US)
    bench.cluster.query(f"DROP DATABASE {database} WITH (FORCE)", database="postgres")
    return found


def _runner(connection: Any) -> Run:
    def run(statement: str, parameters: dict[str, Any]) -> Any:
        cursor = connection.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []

    return run


def _ask(bench: Bench, database: str, *arguments: str) -> Any:
    """What `benchmarks.panels` finds in this database."""
    variables = bench.variables(bench.cluster.url(database), database, LOG_LEVEL="ERROR", API_RATE_PER_MINUTE="0")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.panels", str(bench.cluster.pid), *arguments],
        cwd=CHECKOUT,
        env=variables,
        check=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(done.stdout)
