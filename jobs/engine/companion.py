"""What one engine of the fleet does beside its work, for all of them, in a thread of its own."""

import logging
import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from time import monotonic
from typing import ClassVar, Protocol

from django.db import Error, connections

from jobs.models import Worker

logger = logging.getLogger(__name__)

# After each slice, so many times as long as it took: a companion has a fifth of one connection's time at most, so that
# engines and requests hardly notice it, even where there are millions of rows to go through.
REST = 4


class Beside(Protocol):
    """What starts and leaves with its engine."""

    def start(self) -> None: ...

    def leave(self) -> None: ...

    def join(self, seconds: float) -> None: ...


class Companion(ABC):
    """Starts and leaves with its engine. Of all living engines only the one with the lowest worker id looks for
    something to do; when it leaves, the next one does.

    Two may believe to be the one for a moment: what they do must exclude each other, or do no harm twice.
    """

    name: ClassVar[str]
    on_error: ClassVar[str]
    """Logged where the database refuses; it looks again the next time."""

    def __init__(self, worker_id: int) -> None:
        self._worker_id = worker_id
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{self.name}-{worker_id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def leave(self) -> None:
        """Begin to end: no further transaction. Returns at once."""
        self._leaving.set()

    def join(self, seconds: float) -> None:
        """Wait at most `seconds` for the thread: a transaction that is still open is undone with its connection."""
        self._thread.join(seconds)

    @property
    @abstractmethod
    def seconds(self) -> float:
        """From the end of one look to the next on average, and before the first one: each time half to one and a half
        times as long."""

    @abstractmethod
    def look(self) -> None:
        """Do what there is to do, until `_leaving`. May raise django.db.Error."""

    def rest_between(self, slices: Iterable[object]) -> None:
        """Do one slice after the other, and rest in between, until there is none left or the engine leaves."""
        begun = monotonic()
        for _ in slices:
            took = monotonic() - begun
            # Others may need it meanwhile.
            connections.close_all()
            if self._leaving.wait(REST * took):
                return
            begun = monotonic()

    def _run(self) -> None:
        # Not all engines of a fleet at once, which were started together.
        while not self._leaving.wait(self.seconds * random.uniform(0.5, 1.5)):  # noqa: S311 - spreads load
            try:
                if self._is_first():
                    self.look()
            except Error as error:
                logger.warning(self.on_error, extra={"worker": self._worker_id, "error": str(error).strip()})
            finally:
                # The pool is small, and nothing is asked of the database until the next look.
                connections.close_all()

    def _is_first(self) -> bool:
        return Worker.objects.alive().order_by("pk").values_list("pk", flat=True).first() == self._worker_id


# Of apps above this one: each is made for every worker id, see `epoch.py`.
companions: list[Callable[[int], Companion]] = []

# Of apps above this one, too: each is made for every worker id, and looks for something to do beside all the others.
in_every_engine: list[Callable[[int], Beside]] = []
