"""A histogram that is given a whole batch of values at once."""

import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import REGISTRY, CollectorRegistry, Metric
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector


class BatchHistogram(Collector):
    """The library's takes two locks for each value; this one takes one for each batch.

    `bounds` are the upper ends of the buckets, ascending and inclusive; one without end is added.
    """

    def __init__(
        self, name: str, help_text: str, bounds: Sequence[float], registry: CollectorRegistry = REGISTRY
    ) -> None:
        self._name = name
        self._help_text = help_text
        self._bounds = bounds
        self._lock = threading.Lock()
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        registry.register(self)

    def observe(self, values: Sequence[float]) -> None:
        bounds, counts = self._bounds, self._counts
        with self._lock:
            self._sum += sum(values)
            for value in values:
                counts[bisect_left(bounds, value)] += 1

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            counts, total = list(self._counts), self._sum
        names = [*map(str, self._bounds), "+Inf"]
        family = HistogramMetricFamily(self._name, self._help_text)
        family.add_metric([], list(zip(names, map(float, accumulate(counts)), strict=True)), total)
        yield family
