"""Does the claimer look at the queue when there is something to find, and only then?"""

import threading
import time

import pytest

from jobs.engine.wake import Wake


@pytest.fixture
def wake():
    return Wake(threading.Event())


def test_nothing_is_expected_until_somebody_says_so(wake):
    assert not wake.expects_work
    assert not wake.wait(0)


def test_work_that_came_ends_the_wait_at_once(wake):
    threading.Timer(0.05, wake.work_came).start()
    assert wake.wait(20)
    assert wake.expects_work


def test_a_wait_consumes_what_it_was_woken_by(wake):
    wake.work_came()
    assert wake.wait(0)
    assert not wake.wait(0)


def test_work_that_comes_while_the_queue_is_asked_is_looked_for_again(wake):
    wake.looking()
    wake.work_came()
    assert wake.expects_work
    assert wake.wait(0)


def test_a_look_that_found_little_expects_nothing_more(wake):
    wake.work_came()
    wake.looking()
    assert not wake.expects_work


def test_expected_work_hurries_nobody(wake):
    wake.expect_work()
    assert wake.expects_work
    assert not wake.wait(0)


def test_free_slots_wake_only_where_work_is_expected(wake):
    wake.slots_freed()
    assert not wake.wait(0)
    wake.expect_work()
    wake.slots_freed()
    assert wake.wait(0)


def test_a_lost_epoch_wakes_the_claimer_with_the_error(wake):
    wake.raise_lost()
    error = OSError("the connection is lost")
    wake.lose(error)
    assert wake.wait(0)
    with pytest.raises(OSError, match="the connection is lost"):
        wake.raise_lost()


def test_a_stop_wakes_the_claimer_and_cuts_its_rest_short(wake):
    wake.stop()
    assert wake.wait(0)
    assert wake.is_stopping
    begun = time.monotonic()
    wake.rest(20)
    assert time.monotonic() - begun < 10


def test_a_rest_is_not_cut_short_by_work(wake):
    wake.work_came()
    begun = time.monotonic()
    wake.rest(0.05)
    assert time.monotonic() - begun >= 0.05


def test_a_stop_of_the_engine_reaches_the_epoch_that_begins_after_it():
    stopping = threading.Event()
    Wake(stopping).stop()
    assert Wake(stopping).is_stopping
    assert not Wake(stopping).has_ended


def test_an_ended_epoch_does_not_stop_the_engine(wake):
    wake.end()
    assert wake.has_ended
    assert not wake.is_stopping


def test_a_wait_of_less_than_nothing_is_none(wake):
    assert not wake.wait(-1)
