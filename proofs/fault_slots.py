"""Worker slots that process the fault cases: the service's own pipeline, with limits that the proof chooses.

`python -m proofs.fault_slots`, with the arguments of `main` as JSON on standard input, is a process with such slots.
"""

import gc
import ipaddress
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO

from jobs.imaging.fetch import Fetcher
from jobs.imaging.guard import Guard
from jobs.imaging.pipeline import Pipeline
from jobs.imaging.resolver import Resolver
from jobs.imaging.types import Claim, Measurement, Outcome
from proofs.fault_cases import MAX_ATTEMPTS
from proofs.fault_findings import Finding, Leftovers
from proofs.memory import forget_peak, peak, resident
from proofs.world.fault_world import SIZE, Names

# How long the threads of unanswered look-ups may take to end.
CLOSING_SECONDS = 5.0


class NoModel:
    """A model step that does nothing."""

    def infer(self, image: IO[bytes], measurement: Measurement) -> None:
        """Return nothing."""


@contextmanager
def pipeline(authority: Path, *, deadline: float, silence: float) -> Iterator[Pipeline]:
    """A pipeline as the engine's slots use it, which may fetch from 127.0.0.1 and resolves names by `Names`.

    `deadline` and `silence` are seconds: for one download, and for one look-up, connection attempt or read.
    """
    names = Names()
    fetcher = Fetcher(
        Guard([ipaddress.ip_network("127.0.0.1/32")], [range(1, 65536)]),
        deadline_seconds=deadline,
        max_bytes=25 * 2**20,
        max_redirects=5,
        resolver=Resolver(names.look_up, seconds=silence),
        ca_file=str(authority),
        timeouts=(silence, silence),
    )
    running = Pipeline(fetcher, NoModel(), check="complete", max_pixels=500_000_000)
    try:
        yield running
    finally:
        names.close()
        running.close()


def process(slots: Pipeline, title: str, url: str, good_url: str, tries: int = 1) -> Finding:
    """Process `url` in a slot, and then the good image; `tries` as for `try_good`."""
    started = time.monotonic()
    outcome = slots.process(_claim(url))
    seconds = time.monotonic() - started
    error = outcome.error
    return Finding(
        title,
        error.code if error else None,
        _attempts(outcome),
        error.retry_after if error else None,
        str(error or ""),
        seconds,
        try_good(slots, good_url, tries),
    )


def try_good(slots: Pipeline, url: str, tries: int = 1) -> str | None:
    """The code that the good image fails with, None where it is measured correctly.

    `tries` is for limits so short that a busy machine may exceed them.
    """
    outcome = slots.process(_claim(url))
    if outcome.error is not None:
        out_of_time = outcome.error.code in ("deadline", "read_timeout")
        return try_good(slots, url, tries - 1) if out_of_time and tries > 1 else outcome.error.code
    assert outcome.measurement is not None
    return None if (outcome.measurement.width, outcome.measurement.height) == SIZE else "another image"


def _claim(url: str) -> Claim:
    return Claim(image_id=1, job_id=1, claim_no=1, attempt=1, url=url)


def _attempts(outcome: Outcome) -> int:
    attempts = 1
    while outcome.error is not None and outcome.error.may_retry(attempts, MAX_ATTEMPTS):
        attempts += 1
    return attempts


def main(slots: int, titles: list[str], urls: dict[str, str], authority: str, deadline: float, silence: float) -> None:
    """Let `slots` threads process the cases of `titles`; print each Finding, and Leftovers, as lines of JSON.

    `urls` are those of `proofs.fault_cases.urls`.
    """
    before = threading.active_count(), len(os.listdir("/proc/self/fd"))
    with (
        pipeline(Path(authority), deadline=deadline, silence=silence) as running,
        ThreadPoolExecutor(slots) as pool,
    ):
        # What every process loads once is not counted.
        pool.submit(try_good, running, urls["good"]).result()
        forget_peak()
        at_rest = resident()

        def play(title: str) -> Finding:
            if slots > 1:
                return process(running, title, urls[title], urls["good"])
            gc.collect()
            forget_peak()
            begun = resident()
            finding = process(running, title, urls[title], urls["good"])
            return replace(finding, megabytes=peak() - begun)

        for finding in pool.map(play, titles):
            sys.stdout.write(json.dumps(asdict(finding)) + "\n")
        grown = peak() - at_rest
    end = time.monotonic() + CLOSING_SECONDS
    while threading.active_count() > before[0] and time.monotonic() < end:
        time.sleep(0.01)
    gc.collect()
    after = threading.active_count(), len(os.listdir("/proc/self/fd"))
    leftovers = Leftovers((before[0], after[0]), (before[1], after[1]), grown)
    sys.stdout.write(json.dumps(asdict(leftovers)) + "\n")


if __name__ == "__main__":
    main(**json.load(sys.stdin))
