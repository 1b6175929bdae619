"""When may a process claim? Each race in both of its orders."""

import threading
import time

import pytest

from jobs.engine.gate import Gate, ShiftEnd
from tests.waiting import wait_for

LONG = 30.0


class Watched(Gate):
    """A closed gate that counts how often it was opened, and how often the claimer was turned away."""

    def __init__(self) -> None:
        self.opened = self.refused = 0
        super().__init__(self._count_opened, self._count_refused)
        self.stand_open(False)

    def _count_opened(self) -> None:
        self.opened += 1

    def _count_refused(self) -> None:
        self.refused += 1


class Shift(threading.Thread):
    """A shift in a thread of its own, which has begun."""

    def __init__(self, gate: Gate, seconds: float = LONG) -> None:
        super().__init__(daemon=True)
        self._gate, self._seconds = gate, seconds
        self.end: ShiftEnd | None = None
        self.start()
        wait_for(lambda: gate.has_shift or self.end)

    def run(self) -> None:
        self.end = self._gate.work_shift(self._seconds)

    def ended(self) -> ShiftEnd | None:
        self.join(LONG)
        return self.end


@pytest.fixture
def gate():
    gate = Watched()
    yield gate
    gate.close()


def test_a_gate_that_stands_open_needs_no_shift():
    gate = Gate()
    assert [gate.look(), gate.look()] == [1, 2]


def test_without_a_shift_the_claimer_is_turned_away_and_somebody_is_told(gate):
    assert gate.look() == 0
    assert (gate.opened, gate.refused) == (0, 1)


def test_a_shift_opens_the_gate_and_its_end_closes_it(gate):
    shift = Shift(gate)
    assert gate.opened == 1
    assert gate.look()
    gate.close()
    assert shift.ended() is ShiftEnd.STOPPED
    assert gate.look() == 0


def test_a_shift_is_over_after_its_time(gate):
    begun = time.monotonic()
    assert gate.work_shift(0.05) is ShiftEnd.TIME_OVER
    assert time.monotonic() - begun >= 0.05
    assert gate.look() == 0


def test_a_shift_is_over_once_nothing_is_ready(gate):
    shift = Shift(gate)
    gate.nothing_ready(gate.look())
    assert gate.look() == 0
    assert shift.ended() is ShiftEnd.NOTHING_READY


def test_a_look_that_began_before_the_shift_says_nothing_about_it(gate):
    gate.stand_open(True)
    look = gate.look()
    gate.stand_open(False)
    shift = Shift(gate)
    gate.nothing_ready(look)
    assert gate.has_shift
    gate.nothing_ready(gate.look())
    assert shift.ended() is ShiftEnd.NOTHING_READY


def test_a_look_of_the_last_shift_says_nothing_about_the_next(gate):
    first = Shift(gate)
    late = gate.look()
    gate.nothing_ready(gate.look())
    first.ended()
    second = Shift(gate)
    gate.nothing_ready(late)
    assert gate.has_shift
    gate.close()
    assert second.ended() is ShiftEnd.STOPPED


def test_what_came_first_is_why_it_ended(gate):
    shift = Shift(gate)
    gate.nothing_ready(gate.look())
    gate.close()
    assert shift.ended() is ShiftEnd.NOTHING_READY


def test_an_empty_look_after_the_time_is_over_changes_nothing(gate):
    assert gate.work_shift(0) is ShiftEnd.TIME_OVER
    gate.nothing_ready(99)
    assert not gate.has_shift


def test_a_shift_that_comes_while_one_is_held_is_over_at_once(gate):
    first = Shift(gate)
    assert gate.work_shift(LONG) is ShiftEnd.DOUBLED
    assert gate.has_shift
    gate.nothing_ready(gate.look())
    assert first.ended() is ShiftEnd.NOTHING_READY
    assert gate.work_shift(0) is ShiftEnd.TIME_OVER


def test_no_shift_begins_once_the_engine_stops_and_again_once_it_starts(gate):
    gate.close()
    assert gate.work_shift(LONG) is ShiftEnd.STOPPED
    assert gate.opened == 0
    gate.reopen()
    assert gate.work_shift(0) is ShiftEnd.TIME_OVER


def test_while_the_broker_is_away_a_shift_may_end_and_the_gate_stays_open(gate):
    shift = Shift(gate)
    gate.stand_open(True)
    gate.nothing_ready(gate.look())
    assert shift.ended() is ShiftEnd.NOTHING_READY
    assert gate.look()


def test_a_shift_outlives_the_outage_that_began_in_it(gate):
    shift = Shift(gate)
    gate.stand_open(True)
    gate.stand_open(False)
    assert gate.look()
    gate.close()
    assert shift.ended() is ShiftEnd.STOPPED


def test_the_claimer_is_told_each_time_that_it_may_look(gate):
    for is_open in (True, True, False, True):
        gate.stand_open(is_open)
    assert gate.opened == 2
    gate.stand_open(False)
    Shift(gate)
    assert gate.opened == 3


def test_no_shift_is_missed_whatever_the_claimer_is_doing(gate):
    """A claimer that ends each shift with its first look, and shifts that follow one another at once."""
    done = threading.Event()

    def claim() -> None:
        while not done.is_set():
            gate.nothing_ready(gate.look())

    claimer = threading.Thread(target=claim, daemon=True)
    claimer.start()
    try:
        # One that was missed would end because its time is over.
        ends = {gate.work_shift(LONG) for _ in range(150)}
    finally:
        done.set()
        claimer.join()
    assert ends == {ShiftEnd.NOTHING_READY}
