"""A million images of old jobs (ten with `--scale 10`) against ten thousand: a claim, a status, a list of jobs."""

import json
import subprocess
import sys
import time
from statistics import median
from typing import Any

from benchmarks.contestants import Bench, Service
from benchmarks.samples import spread
from proofs.report import Report
from proofs.world.backlog import fill as fill_backlog
from proofs.world.cluster import CHECKOUT

FEW, MANY = 10_000, 1_000_000
# So that the smaller database fills a page of the list, too.
IMAGES_OF_JOB = 100
SLOTS = 64
# Of each round, beside those that warm up; a claim takes 64 images.
CLAIMS, WARM_UP, READS = 8, 3, 100
BARS = {"claim of 64": 1.5, "status": 2.0, "page of the job list": 2.0}


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    sizes = FEW, int(MANY * scale)
    seconds: dict[str, dict[int, list[float]]] = {what: {size: [] for size in sizes} for what in BARS}
    with (
        bench.service(slots=SLOTS, gpu=True, engines=0) as few,
        bench.service(slots=SLOTS, gpu=True, engines=0) as many,
    ):
        services = dict(zip(sizes, (few, many), strict=True))
        jobs = {size: _prepare(bench, service, size, rounds) for size, service in services.items()}
        # In turns, so that both find the same machine.
        for _ in range(rounds):
            for size, service in services.items():
                seconds["claim of 64"][size].append(median(_claims(service)))
                seconds["status"][size].append(_read(service, f"/api/status?jobid={jobs[size]}"))
                seconds["page of the job list"][size].append(_read(service, "/api/v1/jobs"))
        table = report.table("In ms, medians of each round", "what", *(f"{size:,} images" for size in sizes))
        for what, most in BARS.items():
            found = [[1000 * each for each in seconds[what][size]] for size in sizes]
            table.add(what, *map(spread, found), ok=True)
            ratio = median(large / small for small, large in zip(*found, strict=True))
            report.bar(f"{what}, {sizes[1]:,} against {FEW:,}", f"{ratio:.2f}x", f"<= {most}x", ok=ratio <= most)
        size = many.query("SELECT pg_size_pretty(pg_database_size(current_database()))")[0][0]
        report.table("The larger database", "size").add(size, ok=True)
    return {what: {str(size): each for size, each in found.items()} for what, found in seconds.items()}


def _prepare(bench: Bench, service: Service, images: int, rounds: int) -> int:
    """The old images, and enough ready ones; returns the id of the oldest job."""
    service.fill_history(images, IMAGES_OF_JOB)
    ready = rounds * (WARM_UP + CLAIMS) * SLOTS
    fill_backlog(bench.cluster, service.database, bench.nginx.url("tiny", 0).removesuffix("0.jpg"), ready)
    service.query("VACUUM ANALYZE jobs_job, jobs_visit, jobs_imageresult")
    return int(service.query("SELECT min(id) FROM jobs_job")[0][0])


def _claims(service: Service) -> list[float]:
    """Seconds of each claim, made in a separate process."""
    command = [sys.executable, "-m", "benchmarks.claims", str(CLAIMS)]
    done = subprocess.run(command, cwd=CHECKOUT, env=service.variables, check=True, stdout=subprocess.PIPE, text=True)
    return [float(each) for each in json.loads(done.stdout)]


def _read(service: Service, path: str) -> float:
    """The median seconds of an answer."""
    seconds = []
    for _ in range(READS):
        begun = time.monotonic()
        service.session.get(f"{service.server.url}{path}", timeout=60).raise_for_status()
        seconds.append(time.monotonic() - begun)
    return median(seconds)
