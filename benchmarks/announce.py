"""What announcing that jobs have moved costs 48 writers: within what they write, and in a transaction of its own."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from psycopg import sql

from benchmarks.contestants import Bench
from benchmarks.samples import spread
from proofs.report import CannotProve, Report
from retail_pulse.db.notify import notification
from retail_pulse.postgres import binaries

WRITERS = 48
SECONDS = 6.0
LEAST_RATIO = 5.0
ROWS = 10_000
_WRITE = f"\\set row random(1, {ROWS})\nBEGIN;\nUPDATE written SET times = times + 1 WHERE id = :row;\n"
_RATE = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    pgbench = binaries.find().path("pgbench")
    if not pgbench.exists():
        raise CannotProve(f"{pgbench.parent} has no pgbench, which comes with PostgreSQL.")
    bench.cluster.query("DROP TABLE IF EXISTS written")
    bench.cluster.query("CREATE TABLE written (id integer PRIMARY KEY, times integer NOT NULL DEFAULT 0)")
    bench.cluster.query("INSERT INTO written SELECT * FROM generate_series(1, %s)", [ROWS])
    scripts = {
        "nothing is announced": f"{_WRITE}COMMIT;\n",
        "within the transaction": f"{_WRITE}SELECT pg_notify('announced', :row::text);\nCOMMIT;\n",
        "in one of its own, as this service does": f"{_WRITE}COMMIT;\n{_own_transaction()};\n",
    }
    rates: dict[str, list[float]] = {name: [] for name in scripts}
    for _ in range(rounds):
        for name, script in scripts.items():
            rates[name].append(_rate(bench, pgbench, script, max(1, round(SECONDS * scale))))
    table = report.table(f"{WRITERS} writers, commits/s", "announcing", "median (least to most)")
    for name, each in rates.items():
        table.add(name, spread(each, 0), ok=True)
    _, within, own = rates.values()
    ratio = median(after / before for after, before in zip(own, within, strict=True))
    report.bar(
        "in a transaction of its own against within", f"{ratio:.1f}x", f">= {LEAST_RATIO:g}x", ok=ratio >= LEAST_RATIO
    )
    return {"rates": rates}


def _own_transaction() -> str:
    """The service's own statement; the real engine sends it four times a second at most, this one for each commit."""
    statement, (channel, _) = notification("announced", [])
    named = statement.replace("%s::text[]", "ARRAY[:row::text]")
    return named.replace("%s", sql.Literal(channel).as_string())


def _rate(bench: Bench, pgbench: Path, script: str, seconds: int) -> float:
    """Commits of the written row, a second."""
    file = bench.folder / "announce.sql"
    file.write_text(script)
    command = [str(pgbench), "--no-vacuum", f"--client={WRITERS}", "--jobs=2", f"--time={seconds}", f"--file={file}"]
    done = subprocess.run(
        [*command, bench.cluster.url()], check=True, stdout=subprocess.PIPE, text=True, env=_environment(pgbench)
    )
    found = _RATE.search(done.stdout)
    assert found, done.stdout
    return float(found[1])


def _environment(pgbench: Path) -> Mapping[str, str]:
    """With the libraries that lie beside the program."""
    return {"LD_LIBRARY_PATH": str(pgbench.parent.parent / "lib")}
