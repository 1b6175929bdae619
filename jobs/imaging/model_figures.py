"""What a model with a thread of its own has done within the last minute."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

# Calls are added up in intervals, of which the latest make about a minute.
INTERVAL_SECONDS, INTERVALS = 5, 12


@dataclass(frozen=True, slots=True)
class Figures:
    """Of `seconds`: calls, their images, and for how long the model computed in all; `waiting` images at this moment.

    `total_…` are those since the start.
    """

    name: str
    waiting: int
    threads: int
    seconds: float
    batches: int
    images: int
    busy_seconds: float
    total_batches: int
    total_images: int
    total_busy_seconds: float


@dataclass(slots=True)
class _Interval:
    number: int
    batches: int = 0
    images: int = 0
    busy_seconds: float = 0.0

    def add(self, images: int, seconds: float) -> None:
        self.batches += 1
        self.images += images
        self.busy_seconds += seconds


class Tally:
    """Counts calls; many threads may use it. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began = clock()
        self._latest: list[_Interval] = []
        self._total = _Interval(0)

    def add(self, images: int, seconds: float) -> None:
        """One call is over."""
        with self._lock:
            number = int(self._clock() // INTERVAL_SECONDS)
            if not self._latest or self._latest[-1].number != number:
                self._latest = [*self._latest, _Interval(number)][-INTERVALS:]
            self._latest[-1].add(images, seconds)
            self._total.add(images, seconds)

    def figures(self, name: str, waiting: int, threads: int, computing: float) -> Figures:
        """`computing` are the seconds that calls have taken which are not over."""
        with self._lock:
            now = self._clock()
            first = int(now // INTERVAL_SECONDS) - INTERVALS + 1
            latest = [each for each in self._latest if each.number >= first]
            seconds = min(now - first * INTERVAL_SECONDS, now - self._began)
            return Figures(
                name=name,
                waiting=waiting,
                threads=threads,
                seconds=seconds,
                batches=sum(each.batches for each in latest),
                images=sum(each.images for each in latest),
                busy_seconds=min(sum(each.busy_seconds for each in latest) + computing, seconds * threads),
                total_batches=self._total.batches,
                total_images=self._total.images,
                total_busy_seconds=self._total.busy_seconds,
            )
