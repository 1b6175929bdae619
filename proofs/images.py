"""A zoo of image files, good, cut, lying and hostile: each must have the right result, at little cost.

Every specimen of `proofs.zoo` is measured at the three levels of IMAGE_CHECK. At the default level each is measured
in a separate process, whose processor time and memory are watched.
"""

import argparse
import io
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import django
from django.conf import settings

from proofs import memory
from proofs.report import Report
from proofs.zoo import LEVELS, Level, Specimen, specimens

LEAST_SPECIMENS = 70
MOST_CPU_MS = 100.0
MOST_MEGABYTES = 50.0


@dataclass(frozen=True, slots=True)
class Measured:
    """The result of one specimen: its perimeter or its error code, processor time in ms, additional memory in MiB."""

    outcome: int | str
    cpu_ms: float
    megabytes: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=4, help="draws the pixels")


def prove(options: argparse.Namespace) -> Report:
    """Measure the zoo; raises CannotProve where the memory of a process cannot be read."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retail_pulse.settings")
    django.setup()
    report = Report()
    zoo = specimens()
    wrong = dict.fromkeys(LEVELS, 0)
    table = report.table("Specimens at the level complete", "specimen", "bytes", "expected", "found", "CPU ms", "MiB")
    others = report.table("At the other levels, not as expected", "specimen", "level", "expected", "found")
    dearest, largest = 0.0, 0.0
    for specimen in zoo:
        data = specimen.data(options.seed)
        measured = _in_a_child(lambda specimen=specimen, data=data: _watched(specimen, data))  # type: ignore[misc]
        expected = specimen.expected("complete")
        is_right = measured.outcome in expected
        is_cheap = measured.cpu_ms <= MOST_CPU_MS and measured.megabytes <= MOST_MEGABYTES
        figures = f"{measured.cpu_ms:.1f}", f"{measured.megabytes:.1f}"
        table.add(
            specimen.name, f"{len(data):,}", _either(expected), measured.outcome, *figures, ok=is_right and is_cheap
        )
        wrong["complete"] += not is_right
        dearest, largest = max(dearest, measured.cpu_ms), max(largest, measured.megabytes)
        for level in ("header", "decode"):
            found = outcome(specimen, data, level)
            if found not in specimen.expected(level):
                others.add(specimen.name, level, _either(specimen.expected(level)), found, ok=False)
                wrong[level] += 1
    report.bar("specimens", len(zoo), f">= {LEAST_SPECIMENS}", ok=len(zoo) >= LEAST_SPECIMENS)
    for level, count in wrong.items():
        report.bar(f"not as expected at the level {level}", count, 0, ok=not count)
    report.bar("most processor time, ms", f"{dearest:.1f}", f"<= {MOST_CPU_MS:g}", ok=dearest <= MOST_CPU_MS)
    report.bar("most memory, MiB", f"{largest:.1f}", f"<= {MOST_MEGABYTES:g}", ok=largest <= MOST_MEGABYTES)
    return report


def outcome(specimen: Specimen, data: bytes, level: Level) -> int | str:
    """The specimen's perimeter, or the code it fails with; `unexpected …` for an error without a code."""
    # Once Django is set up: the pipeline's modules read the settings.
    from jobs.errors import ImageError
    from jobs.imaging.measure import measure

    try:
        return measure(
            io.BytesIO(data), framed=specimen.framed, check=level, max_pixels=settings.IMAGE_MAX_PIXELS
        ).perimeter
    except ImageError as error:
        return error.code
    except Exception as error:  # noqa: BLE001 - this must not happen, and is reported
        return f"unexpected {type(error).__name__}"


def _watched(specimen: Specimen, data: bytes) -> Measured:
    memory.forget_peak()
    before, begun = memory.resident(), time.process_time()
    found = outcome(specimen, data, "complete")
    return Measured(found, (time.process_time() - begun) * 1000, max(0.0, memory.peak() - before))


def _in_a_child(work: Callable[[], Measured]) -> Measured:
    """Do `work` in a fork of this process, which has one thread; memory taken before does not count."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            measured = work()
            os.write(writer, json.dumps([measured.outcome, measured.cpu_ms, measured.megabytes]).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    _, status = os.waitpid(child, 0)
    return Measured(*json.loads(text)) if text else Measured(f"killed ({status})", 0.0, 0.0)


def _either(expected: tuple[int | str, ...]) -> str:
    return " or ".join(map(str, expected))
