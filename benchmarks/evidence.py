"""What each level of PHOTO_EVIDENCE adds to a measurement, in processor time of one thread.

Each bar is 1.3 times what the level cost where it was first measured. Processors differ: a slower one is allowed as
much more as plain SHA-256 takes it.
"""

import hashlib
import io
import random
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from PIL import Image, ImageFilter

from benchmarks.contestants import Bench
from benchmarks.pictures import PICTURES, draw
from benchmarks.samples import spread
from jobs.imaging.measure import measure as measure_image
from jobs.imaging.photo_evidence import Level, photo_evidence
from proofs.report import Report

# Milliseconds that a level's SHA-256, its Exif and its look took there.
FIRST_MEASURED = {
    "tiny": (0.003, 0.12, 0.27),
    "shelf": (0.23, 0.12, 3.6),
    "photo": (1.24, 0.12, 20.0),
    "png": (1.26, 0.12, 41.0),
}
# The picture whose SHA-256 tells how fast a processor is; the least time for which there is a bar.
SPEED_OF, LEAST_MS = "photo", 0.02
MOST, MOST_OFF = 1.3, 1.02
# Of each round, at the scale 1: about a second of each picture.
CALLS = {"tiny": 1_000, "shelf": 60, "photo": 12, "png": 12}
PNG_SIZE = 1000, 760


def measure(bench: Bench, report: Report, rounds: int, scale: float) -> dict[str, Any]:
    return measured(report, rounds, scale)


def measured(report: Report, rounds: int, scale: float) -> dict[str, Any]:
    """The same without a bench, since nothing here needs a service."""
    files = _files()
    slower = max(1.0, _plain_sha256(files[SPEED_OF][0]) / FIRST_MEASURED[SPEED_OF][0])
    columns = ("picture", "measure", *map(_name, Level))
    table = report.table(f"Processor time in ms, and what each level adds; {slower:.2f}x slower", *columns)
    found: dict[str, Any] = {"slower": slower}
    for name, (file, format_) in files.items():
        times = _in_turns(file, format_, rounds, max(1, round(CALLS[name] * scale)))
        alone = times.pop("measure")
        added = {level: [one - base for one, base in zip(times[level], alone, strict=True)] for level in times}
        found[name] = {"measure": alone, **added}
        table.add(name, spread(alone, 3), *(spread(each, 3) for each in added.values()), ok=True)
        # The least of all rounds: what else the machine does only ever adds.
        off = min(times["off"]) / min(alone)
        report.bar(f"{name}: off, against measure", f"{off:.3f}x", f"<= {MOST_OFF}x", ok=off <= MOST_OFF)
        for level in (Level.HASH, Level.HEADER, Level.LOOK):
            cost = median(added[_name(level)])
            most = max(LEAST_MS, MOST * slower * sum(FIRST_MEASURED[name][: int(level)]))
            report.bar(f"{name}: {_name(level)}, ms", f"{cost:.3f}", f"<= {most:.3f}", ok=cost <= most)
    return found


def _plain_sha256(data: bytes) -> float:
    """Milliseconds, the median of some calls."""
    times = []
    for _ in range(20):
        begun = time.thread_time()
        hashlib.sha256(data).digest()
        times.append(1000 * (time.thread_time() - begun))
    return median(times)


def _name(level: Level) -> str:
    return level.name.lower()


def _files() -> dict[str, tuple[bytes, str]]:
    files = {
        name: (_encoded(draw(picture), "JPEG", quality=picture.quality), "JPEG") for name, picture in PICTURES.items()
    }
    chance = random.Random(7)  # noqa: S311 - the same picture every time
    layers = [
        Image.frombytes("L", PNG_SIZE, chance.randbytes(PNG_SIZE[0] * PNG_SIZE[1])).filter(
            ImageFilter.GaussianBlur(1.2)
        )
        for _ in range(3)
    ]
    return {**files, "png": (_encoded(Image.merge("RGB", layers), "PNG"), "PNG")}


def _encoded(image: Image.Image, format_: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def _in_turns(data: bytes, format_: str, rounds: int, calls: int) -> dict[str, list[float]]:
    """Milliseconds of a call of `measure` alone, and followed by each level: in turns, so that all find one machine."""
    file = io.BytesIO(data)

    def only() -> None:
        measure_image(file, framed=True, check="complete", max_pixels=500_000_000)

    def with_level(level: Level) -> Callable[[], None]:
        def both() -> None:
            only()
            photo_evidence(file, format_, level)

        return both

    contestants = {"measure": only, **{_name(level): with_level(level) for level in Level}}
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, call in contestants.items():
            call()
            begun = time.thread_time()
            for _ in range(calls):
                call()
            times[name].append(1000 * (time.thread_time() - begun) / calls)
    return times
