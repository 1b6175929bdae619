"""What engines report of their work, for whoever counts it: one call for each batch, never one for each image."""

from collections.abc import Callable, Sequence

from django.conf import settings

from jobs.imaging.types import Outcome
from jobs.queue import Recorded, Rescued


class Meter:
    """Counts nothing: where METRICS_PORT is 0, nobody could read it, and the library that counts is not loaded."""

    def claimed(self, seconds: float) -> None:
        """A claim, whatever it found, took so long."""

    def recorded(self, outcomes: Sequence[Outcome], recorded: Recorded, seconds: float) -> None:
        """A batch of outcomes was recorded within `seconds`."""

    def rescued(self, rescued: Rescued) -> None:
        """Claims of dead workers were taken back."""

    def shifts(self, what: str, count: int = 1) -> None:
        """Shifts were published, begun, ended…: a fixed set of words, since each is a time series."""

    def watch_broker(self, is_up: Callable[[], bool]) -> None:
        """This process has a broker, and `is_up` says at any time, at once, whether it can be reached."""


def make_meter() -> Meter:
    """What counts for this process."""
    if not settings.METRICS_PORT:
        return Meter()
    from jobs.engine.metrics import PrometheusMeter

    return PrometheusMeter()
