"""Gauges: what is true at the moment at which somebody looks."""

import logging
from collections.abc import Iterator, Mapping
from threading import Lock
from time import monotonic

from django.conf import settings
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from jobs.engine.base import get_engine
from jobs.imaging.model_step import ModelState
from jobs.reporting.gauges import Gauges, gauges
from retail_pulse.db.question import Question
from retail_pulse.version import VERSION

logger = logging.getLogger(__name__)

# However often, and by however many, a process is asked.
CACHED_SECONDS = 5.0
# A database that does not answer must not keep Prometheus from the rest.
DATABASE_SECONDS = 2.0


class CollectedLater(Collector):
    """The library would collect a collector without this method when it is registered, before there is an engine."""

    def describe(self) -> list[Metric]:
        return []


class DatabaseGauges(CollectedLater):
    """The whole service, as the database has it: every process says the same, so these are never added up."""

    def __init__(self) -> None:
        self._question = Question("gauges", gauges)
        self._lock = Lock()
        self._read_at = -CACHED_SECONDS
        self._found: Gauges | None = None

    def collect(self) -> Iterator[Metric]:
        found = self._read()
        yield _gauge("database_up", "Whether the database has answered.", float(found is not None))
        if found is None:
            return
        backlog = found.backlog
        yield _by_state(
            "backlog_images",
            "Images that are not final, up to 100,000 of each state.",
            {state: getattr(backlog, state) for state in ("ready", "waiting", "deferred", "running")},
        )
        yield _gauge(
            "backlog_oldest_seconds", "How long an image has been ready at the most.", backlog.oldest_seconds or 0.0
        )
        yield _gauge("workers", "Workers that are alive.", found.workers)
        yield _gauge("hosts_paused", "Photo hosts that are paused.", found.hosts_paused)
        yield _gauge(
            "oldest_snapshot_seconds",
            "How long the oldest snapshot has kept PostgreSQL from cleaning up.",
            found.oldest_snapshot_seconds,
        )
        for further in found.further:
            yield _by_state(*further)

    def _read(self) -> Gauges | None:
        with self._lock:
            if monotonic() - self._read_at >= CACHED_SECONDS:
                try:
                    self._found = self._question.answer(DATABASE_SECONDS)
                except Exception as error:  # noqa: BLE001 - any error means that the database cannot be used
                    logger.warning("database not available", extra={"error": str(error) or type(error).__name__})
                    self._found = None
                self._read_at = monotonic()
            return self._found


class ProcessGauges(CollectedLater):
    """This process: its version, and the slots and the model of its engine if it has one."""

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("retail_pulse_build", "What runs here.", value={"version": VERSION})
        engine = get_engine()
        if engine.is_running:
            busy = engine.busy_slots
            free = max(0, settings.WORKER_THREADS - busy)
            yield _by_state("slots", "Worker slots of this process.", {"busy": busy, "free": free})
            yield from _of_model(engine.model)


def _of_model(state: ModelState | None) -> Iterator[Metric]:
    away = state.absence.seconds if state and state.absence else 0.0
    yield _gauge("model_away_seconds", "How long the model has been away; 0 while it is there.", away)
    steps = state.figures if state else ()
    if not steps:
        return
    batches = CounterMetricFamily("retail_pulse_model_batches", "Calls of the model.", labels=["model"])
    images = CounterMetricFamily("retail_pulse_model_batch_images", "Images in these calls.", labels=["model"])
    busy = CounterMetricFamily("retail_pulse_model_busy_seconds", "How long these calls took.", labels=["model"])
    waiting = GaugeMetricFamily("retail_pulse_model_waiting", "Images that wait for their turn.", labels=["model"])
    for step in steps:
        batches.add_metric([step.name], step.total_batches)
        images.add_metric([step.name], step.total_images)
        busy.add_metric([step.name], step.total_busy_seconds)
        waiting.add_metric([step.name], step.waiting)
    yield from (batches, images, busy, waiting)


def _by_state(name: str, help_text: str, states: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"retail_pulse_{name}", help_text, labels=["state"])
    for state, value in states.items():
        family.add_metric([state], value)
    return family


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"retail_pulse_{name}", help_text, value=value)
