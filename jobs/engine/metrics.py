"""What this process's engine has done since its start, as Prometheus reads it.

No label ever holds a URL or a host: each value is a time series that is kept for weeks.
"""

from collections import Counter as CounterOf
from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus

from prometheus_client import REGISTRY, Counter, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from jobs.engine.batch_histogram import BatchHistogram
from jobs.engine.meter import Meter
from jobs.imaging.types import Outcome
from jobs.queue import Recorded, Rescued

# Seconds: from what the simulated model takes at least up to the deadline of a download.
BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

IMAGES = Counter("retail_pulse_images", "Images that are final by this process.", ["outcome"])
ATTEMPTS_FAILED = Counter("retail_pulse_attempts_failed", "Failed attempts, by error code.", ["code"])
RESCUED = Counter("retail_pulse_rescued", "Claims of dead workers that this process has taken back.")
FENCED = Counter("retail_pulse_fenced", "Outcomes dropped because the claim was no longer this process's.")
SHIFTS = Counter("retail_pulse_shifts", "Shifts that a broker hands out, by what became of them.", ["what"])
CLAIM = Histogram("retail_pulse_claim_seconds", "How long a claim took.", buckets=BUCKETS)
RECORD = Histogram("retail_pulse_record_seconds", "How long it took to record a batch.", buckets=BUCKETS)
FETCH = BatchHistogram("retail_pulse_fetch_seconds", "How long downloads took.", BUCKETS)
MEASURE = BatchHistogram("retail_pulse_measure_seconds", "How long it took to measure an image.", BUCKETS)
MODEL = BatchHistogram("retail_pulse_model_seconds", "How long the model took for an image.", BUCKETS)

_REGISTERED = frozenset(f"http_{status.value}" for status in HTTPStatus)

# From the start on, so that the first one counts as an increase.
COMPLETED, FAILED = (IMAGES.labels(outcome) for outcome in ("completed", "failed"))


class Broker(Collector):
    """Whether the broker can be reached; nothing in a process that has none."""

    is_up: Callable[[], bool] | None = None

    def collect(self) -> Iterator[Metric]:
        if self.is_up is not None:
            help_text = "Whether this process can reach the broker."
            yield GaugeMetricFamily("retail_pulse_broker_up", help_text, value=float(self.is_up()))


BROKER = Broker()
REGISTRY.register(BROKER)


class PrometheusMeter(Meter):
    def claimed(self, seconds: float) -> None:
        CLAIM.observe(seconds)

    def recorded(self, outcomes: Sequence[Outcome], recorded: Recorded, seconds: float) -> None:
        RECORD.observe(seconds)
        COMPLETED.inc(recorded.completed)
        FAILED.inc(recorded.failed)
        FENCED.inc(len(recorded.fenced))
        fenced = set(recorded.fenced)
        codes = CounterOf(
            _series(outcome.error.code)
            for outcome in outcomes
            if outcome.error is not None and outcome.claim not in fenced
        )
        for code, count in codes.items():
            ATTEMPTS_FAILED.labels(code).inc(count)
        FETCH.observe(_seconds((each.evidence.fetch_ms, each) for each in outcomes))
        MEASURE.observe(_seconds((each.evidence.measure_ms, each) for each in outcomes))
        MODEL.observe(_seconds((each.evidence.gpu_ms, each) for each in outcomes))

    def rescued(self, rescued: Rescued) -> None:
        RESCUED.inc(rescued.released + rescued.crash_loops)
        FAILED.inc(rescued.failed)

    def shifts(self, what: str, count: int = 1) -> None:
        SHIFTS.labels(what).inc(count)

    def watch_broker(self, is_up: Callable[[], bool]) -> None:
        BROKER.is_up = is_up


def _series(code: str) -> str:
    """A host may answer with hundreds of statuses that nobody has registered; they are one series."""
    return code if code in _REGISTERED or not code.startswith("http_") else "http_other"


def _seconds(taken: Iterable[tuple[int, Outcome]]) -> list[float]:
    """Of the steps that took place: those of a failed attempt that did not have taken 0 ms."""
    return [ms / 1000 for ms, outcome in taken if ms or outcome.measurement is not None]
