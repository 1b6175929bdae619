"""Does the pool of slots know how much room it has, also where the system gives it fewer threads than it asks for?"""

import threading

import pytest

from jobs.engine.slots import Slots
from jobs.imaging.types import Claim
from tests.waiting import wait_for


def claims(number: int) -> list[Claim]:
    return [Claim(image_id=n, job_id=1, claim_no=1, attempt=1, url="http://i.test/") for n in range(number)]


@pytest.fixture
def slots():
    slots = Slots(8)
    yield slots
    slots.close()


@pytest.fixture
def most_threads(monkeypatch):
    """Let the system refuse a slot's thread from a number on, as it does where a container's limit is reached."""
    started: list[str] = []
    start = threading.Thread.start

    def limit(most: int) -> None:
        def refusing(thread: threading.Thread) -> None:
            if thread.name.startswith("slot"):
                if len(started) >= most:
                    raise RuntimeError("can't start new thread")
                started.append(thread.name)
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", refusing)

    return limit


def test_with_fewer_threads_than_slots_the_work_is_done_by_those_and_no_slot_is_lost(slots, most_threads):
    most_threads(3)
    done: list[int] = []
    for _ in range(5):
        slots.take(lambda claim: done.append(claim.image_id), claims(12))
        wait_for(lambda: slots.room == slots.size)
    assert sorted(done) == sorted(5 * list(range(12)))
    assert slots.busy == 0


def test_without_any_thread_the_error_is_the_callers_and_the_slots_are_there_when_threads_are(slots, most_threads):
    most_threads(0)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        slots.take(print, claims(12))
    assert slots.empty(0) == claims(12)
    assert slots.room == slots.size
    most_threads(8)
    done: list[Claim] = []
    slots.take(done.append, claims(12))
    wait_for(lambda: len(done) == 12)


def test_no_more_images_are_at_work_than_there_are_slots(slots):
    at_work, most = threading.Semaphore(8), []

    def work(claim: Claim) -> None:
        most.append(at_work.acquire(blocking=False))
        at_work.release()

    for _ in range(50):
        slots.take(work, claims(slots.room))
    wait_for(lambda: slots.room == slots.size)
    assert all(most)
