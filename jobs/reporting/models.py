"""How the models of all workers are doing, as each says with its heartbeat."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.template.defaultfilters import pluralize

from jobs.models import Worker
from jobs.models.server import database_now


@dataclass(frozen=True, slots=True)
class AwayModel:
    """A worker whose model cannot answer, since when, and why, in the model's words."""

    worker: Worker
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """A worker's model with a thread of its own, over the last `seconds`; None where it was not asked.

    `batches` are its calls, `mean_batch` the images of one and `batch_ms` its milliseconds, `busy` the share of the
    time in which it computed, 0 to 1. `waiting` images wait for their turn as of the worker's last beat.
    """

    worker: Worker
    name: str
    waiting: int
    seconds: float
    batches: int
    mean_batch: float | None
    batch_ms: float | None
    busy: float | None

    @property
    def busy_percent(self) -> float | None:
        return None if self.busy is None else 100 * self.busy


@dataclass(frozen=True, slots=True)
class Models:
    away: Sequence[AwayModel]
    figures: Sequence[ModelFigures]


def models(workers: Iterable[Worker]) -> Models:
    """What these workers say of their models; asks the database nothing."""
    away, figures = [], []
    for worker in workers:
        said = worker.model or {}
        if absence := said.get("away"):
            since = worker.beat_at - timedelta(seconds=absence["seconds"])
            away.append(AwayModel(worker, since, absence["reason"]))
        figures += [_figures(worker, step) for step in said.get("steps", [])]
    return Models(away, figures)


def model_away() -> str | None:
    """A sentence where the model of a worker is away."""
    workers = list(Worker.objects.alive().order_by("pk"))
    away = models(workers).away
    if not away:
        return None
    longest = min(away, key=lambda each: each.since)
    seconds = max(0.0, (database_now() - longest.since).total_seconds())
    return (
        f"The model of {len(away)} of {len(workers)} worker{pluralize(workers)} is away, for {seconds:.0f} s by now "
        f"(since {longest.since:%Y-%m-%dT%H:%M:%SZ}): {longest.reason or 'it gave no reason'}"
    )


def _figures(worker: Worker, step: dict[str, Any]) -> ModelFigures:
    batches, computed = step["batches"], step["seconds"] * step["threads"]
    return ModelFigures(
        worker=worker,
        name=step["name"],
        waiting=step["waiting"],
        seconds=step["seconds"],
        batches=batches,
        mean_batch=step["images"] / batches if batches else None,
        batch_ms=1000 * step["busy_seconds"] / batches if batches else None,
        busy=step["busy_seconds"] / computed if computed else None,
    )
