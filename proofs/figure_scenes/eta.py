"""Do the ranges in which jobs are said to end hold as many ends as they promise? On jobs of a simulator.

A simulated job has images at several hosts, fast and slow ones, and shares the worker slots with whatever else the
service does; hosts fail now and then and come back. Nothing of this is known to the forecasts.
"""

import heapq
import math
from random import Random

from insights.forecast_ranges import COVERS, STAGES, TOLERANCE, Range, is_shown, range_of
from insights.past_forecasts import at_stages
from proofs.report import Report

# In seconds.
USUAL_IMAGE = 0.35
OUTAGE = 20.0, 400.0
SMALLEST, LARGEST = 60, 6_000
SLOTS = 32
JOBS = 600


def prove(report: Report, seed: int, scale: float) -> None:
    table = report.table("When jobs end", "done", "judged", "the forecast was too early", "ended within")
    for stage, (found, early) in back_test(Random(seed), round(JOBS * scale)).items():  # noqa: S311 - drawn again at every run
        share = found.covered / found.judged
        table.add(f"{stage} %", f"{found.judged:,}", f"{early:.0%}", f"{share:.1%}", ok=True)
        report.bar(
            f"jobs {stage} % done end within their range",
            f"{share:.1%} of {found.judged:,}",
            f"{COVERS:.0%} within {TOLERANCE:.0%}",
            ok=is_shown(found.judged, found.covered),
        )


def job(rng: Random) -> list[float]:
    """When each image of a job became final, in seconds and in order."""
    images = round(math.exp(rng.uniform(math.log(SMALLEST), math.log(LARGEST))))
    hosts = rng.choice((1, 2, 3, 5))
    shares = [rng.random() + 0.2 for _ in range(hosts)]
    # Seconds that a host takes for an image, and how many of the job's images it works on at a time.
    takes = [USUAL_IMAGE * math.exp(rng.gauss(0, 0.6)) for _ in range(hosts)]
    widths = [rng.choice((2, 4, 8, 16)) for _ in range(hosts)]
    lanes: list[list[float]] = [[0.0] * width for width in widths]
    outages = [_outage(rng) if rng.random() < 0.15 else None for _ in range(hosts)]
    # Of the slots, others leave this job a part that changes every minute or so.
    free = [rng.uniform(0.3, 1.0) for _ in range(4_000)]
    slots = [0.0] * SLOTS
    times = []
    for host in rng.choices(range(hosts), shares, k=images):
        begin = max(heapq.heappop(lanes[host]), heapq.heappop(slots))
        outage = outages[host]
        if outage is not None and outage[0] <= begin < outage[1]:
            # It waits in the lane of its host, and gives its slot back.
            heapq.heappush(slots, begin)
            begin = outage[1]
            end = begin + _took(rng, takes[host]) / free[int(begin / 60) % len(free)]
        else:
            end = begin + _took(rng, takes[host]) / free[int(begin / 60) % len(free)]
            heapq.heappush(slots, end)
        heapq.heappush(lanes[host], end)
        times.append(end)
    return sorted(times)


def _outage(rng: Random) -> tuple[float, float]:
    begin = rng.uniform(0, 120)
    return begin, begin + rng.uniform(*OUTAGE)


def _took(rng: Random, seconds: float) -> float:
    return seconds * rng.lognormvariate(0, 0.4)


def back_test(rng: Random, jobs: int) -> dict[int, tuple[Range, float]]:
    """By stage, what so many simulated jobs lead to, see `range_of`, and the share of naive forecasts too early."""
    found = [at_stages(times, len(times), 0) for times in (job(rng) for _ in range(jobs))]
    tests = {}
    for number, stage in enumerate(STAGES):
        pairs = [(forecasts[number], rests[number]) for forecasts, rests in found]
        factors = [rest / forecast for forecast, rest in pairs if forecast and rest is not None]
        tests[stage] = range_of(factors), sum(factor > 1 for factor in factors) / len(factors)
    return tests
