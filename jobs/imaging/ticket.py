"""One image on its way from a worker slot through a model's thread, and back."""

import threading
from typing import Any

from jobs.imaging.batch import ModelAway
from jobs.imaging.types import Claim

# Two threads may want to answer one image: the model's, and one that puts it off.
_answering = threading.Lock()


class Ending(ModelAway):
    """The process takes no more images; the model is not away."""


class Ticket:
    """One image on its way through the model's thread, which answers it once."""

    __slots__ = ("_answer", "_error", "_is_answered", "claim", "is_done", "item")

    def __init__(self, claim: Claim, item: Any) -> None:
        self.claim = claim
        self.item = item
        self.is_done = False
        self._answer: dict[str, Any] | None = None
        self._error: BaseException | None = None
        # Cheaper than an event: it is waited for once, by one thread.
        self._is_answered = threading.Lock()
        self._is_answered.acquire()

    def wait(self) -> dict[str, Any] | None:
        """The answer. Raises what the image failed with, or ModelAway."""
        self._is_answered.acquire()
        if self._error is not None:
            raise self._error
        return self._answer

    def succeed(self, answer: dict[str, Any] | None) -> None:
        self._end(answer, None)

    def fail(self, error: BaseException) -> None:
        self._end(None, error)

    def _end(self, answer: dict[str, Any] | None, error: BaseException | None) -> None:
        with _answering:
            if self.is_done:
                return
            self.is_done = True
        self.item, self._answer, self._error = None, answer, error
        self._is_answered.release()
