"""Whether the claimer of a process may claim: always, or only while a shift lasts.

A shift is the permission to claim for a while, which a message of a broker brings. One lock decides when it begins and
when it ends, so that a shift that ends, a look at the queue that has just come back empty, and a message that has just
come cannot miss one another::

    stands open ──broker there──▶ closed ──shift begins──▶ open ──time over, nothing ready, engine stops──▶ closed
         ▲                           │
         └──────broker away──────────┘      (also during a shift, which goes on)
"""

import threading
from collections.abc import Callable
from enum import StrEnum


class ShiftEnd(StrEnum):
    """Why a shift ended, or why it never began."""

    TIME_OVER = "time_over"
    NOTHING_READY = "nothing_ready"
    STOPPED = "stopped"
    """The engine stops, or has stopped."""
    DOUBLED = "doubled"
    """The process has a shift already."""


class _Shift:
    """`looks` is how many looks at the queue had begun before it: what they find says nothing about it."""

    def __init__(self, looks: int) -> None:
        self.looks = looks
        self.end: ShiftEnd | None = None


def _nothing() -> None:
    """Nobody wants to know."""


class Gate:
    """Made open for good; `stand_open(False)` lets only shifts open it.

    `on_opened` is called when claiming becomes possible, `on_refused` when the claimer was turned away; both without
    the lock, by the thread that caused it.
    """

    def __init__(self, on_opened: Callable[[], None] = _nothing, on_refused: Callable[[], None] = _nothing) -> None:
        self._changed = threading.Condition()
        self._on_opened = on_opened
        self._on_refused = on_refused
        self._stands_open = True
        self._is_closed_for_good = False
        self._shift: _Shift | None = None
        self._looks = 0

    @property
    def stands_open(self) -> bool:
        """Whether claiming needs no shift."""
        return self._stands_open

    @property
    def has_shift(self) -> bool:
        shift = self._shift
        return shift is not None and shift.end is None

    @property
    def is_open(self) -> bool:
        return self._stands_open or self.has_shift

    def look(self) -> int:
        """The claimer wants to look at the queue: the number of its look, or 0 where it may not."""
        with self._changed:
            if self.is_open:
                self._looks += 1
                return self._looks
        self._on_refused()
        return 0

    def nothing_ready(self, look: int) -> None:
        """The look of this number has left nothing that could be claimed; a shift that it began in is over."""
        with self._changed:
            if self._shift is not None and look > self._shift.looks:
                self._end(self._shift, ShiftEnd.NOTHING_READY)

    def work_shift(self, seconds: float) -> ShiftEnd:
        """Open the gate for at most `seconds`; returns when the shift is over."""
        with self._changed:
            if self._is_closed_for_good:
                return ShiftEnd.STOPPED
            if self._shift is not None:
                return ShiftEnd.DOUBLED
            shift = self._shift = _Shift(self._looks)
        self._on_opened()
        with self._changed:
            self._changed.wait_for(lambda: shift.end is not None, seconds)
            end = self._end(shift, ShiftEnd.TIME_OVER)
            self._shift = None
        return end

    def stand_open(self, is_open: bool) -> None:
        """Let the claimer claim without a shift, or only with one."""
        with self._changed:
            opens = is_open and not self._stands_open
            self._stands_open = is_open
        if opens:
            self._on_opened()

    def close(self) -> None:
        """The engine stops: the shift is over, and none begins until `reopen`."""
        with self._changed:
            self._is_closed_for_good = True
            if self._shift is not None:
                self._end(self._shift, ShiftEnd.STOPPED)

    def reopen(self) -> None:
        """The engine starts again."""
        with self._changed:
            self._is_closed_for_good = False

    def _end(self, shift: _Shift, end: ShiftEnd) -> ShiftEnd:
        """End the shift, the lock being held; the end that counts is the first."""
        if shift.end is None:
            shift.end = end
            self._changed.notify_all()
        return shift.end
