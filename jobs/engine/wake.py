"""When the claimer of an epoch looks at the queue again."""

import threading


class Wake:
    """What the claimer waits for, signalled by any thread; one thread waits.

    `stopping` is the engine's, and outlives the epoch. A wake-up that comes while the queue is read is not lost: it
    counts for the next look.
    """

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._ended = threading.Event()
        self._event = threading.Event()
        self._expects_work = False
        self._error: BaseException | None = None

    @property
    def expects_work(self) -> bool:
        """Whether the queue may hold an image that can be claimed."""
        return self._expects_work

    def expect_work(self) -> None:
        """The next look may find an image, but nobody needs to hurry."""
        self._expects_work = True

    def looking(self) -> None:
        """The queue is about to be read: what is expected from here on came after this look."""
        self._expects_work = False

    def work_came(self) -> None:
        """An image may have become ready: look now."""
        self._expects_work = True
        self._event.set()

    def slots_freed(self) -> None:
        """Enough slots are free for another look, which is only worth it where work is expected."""
        if self._expects_work and not self._event.is_set():
            self._event.set()

    def wait(self, seconds: float) -> bool:
        """Wait at most `seconds` for something to look at; whether there is."""
        came = self._event.wait(max(0.0, seconds))
        self._event.clear()
        return came

    def rest(self, seconds: float) -> None:
        """Look no earlier than in `seconds`, unless the engine stops."""
        if seconds > 0:
            self._stopping.wait(seconds)

    def stop(self) -> None:
        """The engine is to claim no more."""
        self._stopping.set()
        self._event.set()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def lose(self, error: BaseException) -> None:
        """The epoch cannot go on because of `error`."""
        self._error = error
        self._event.set()

    def raise_lost(self) -> None:
        """Raise the error that `lose` was given, if any."""
        if self._error is not None:
            raise self._error

    def end(self) -> None:
        """The epoch is over; its threads leave."""
        self._ended.set()

    @property
    def has_ended(self) -> bool:
        return self._ended.is_set()
