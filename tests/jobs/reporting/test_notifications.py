"""Watchers of a job are notified of its changes at once, over one connection for all."""

import threading

import pytest
from django.db import connection

from jobs import queue
from jobs.reporting import notifications
from jobs.reporting.notifications import Listener
from retail_pulse.db.notify import notify
from tests.factories import make_worker, no_thread, submit_job, success
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 10.0


@pytest.fixture
def listener(monkeypatch):
    monkeypatch.setattr(notifications, "LISTEN_SECONDS", 0.05)
    made = Listener()
    yield made
    made.close()
    wait_for(lambda: not listeners())


def listeners() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query = 'LISTEN retail_pulse_jobs' AND state = 'idle'"
        )
        return cursor.fetchone()[0]


def begun(watcher) -> None:
    """The first notification means that the listener has begun to listen."""
    assert watcher.wait(SECONDS)


def finish_one(job) -> None:
    worker = make_worker()
    queue.announce(queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=1)]).moved_jobs)


def test_a_watcher_is_notified_when_an_outcome_is_recorded(listener):
    job = submit_job(2)
    with listener.watch(job.pk) as watcher:
        begun(watcher)
        finish_one(job)
        assert watcher.wait(SECONDS)


@pytest.mark.parametrize("ask", [queue.cancel, queue.pause, lambda pk: queue.prioritize(pk, 2)])
def test_a_watcher_is_notified_of_what_people_ask(listener, ask):
    job = submit_job(1)
    with listener.watch(job.pk) as watcher:
        begun(watcher)
        ask(job.pk)
        assert watcher.wait(SECONDS)


def test_a_watcher_of_every_job_hears_of_new_ones(listener):
    with listener.watch(None) as watcher:
        begun(watcher)
        submit_job(1)
        assert watcher.wait(SECONDS)


def test_a_watcher_of_one_job_hears_nothing_of_another(listener):
    first, second = submit_job(1), submit_job(1)
    with listener.watch(first.pk) as watcher, listener.watch(None) as everything:
        begun(watcher)
        begun(everything)
        queue.pause(second.pk)
        assert everything.wait(SECONDS)
        assert not watcher.wait(0)


def test_all_share_one_connection_and_the_last_one_closes_it(listener, monkeypatch):
    monkeypatch.setattr(notifications, "LINGER_SECONDS", 0.0)
    with listener.watch(None) as first, listener.watch(None) as second:
        begun(first)
        begun(second)
        assert listeners() == 1
    wait_for(lambda: listeners() == 0)
    with listener.watch(None) as third:
        begun(third)


def test_a_lost_connection_is_opened_again_and_all_are_woken(listener, monkeypatch):
    monkeypatch.setattr(notifications, "RETRY_SECONDS", 0.01)
    job = submit_job(1)
    with listener.watch(job.pk) as watcher:
        begun(watcher)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query = 'LISTEN retail_pulse_jobs'"
            )
        begun(watcher)
        queue.pause(job.pk)
        assert watcher.wait(SECONDS)


def test_behind_a_pooler_there_is_no_listener(listener, settings):
    settings.LEASE_ONLY = True
    with listener.watch(None) as watcher:
        assert not watcher.wait(0)
        assert not [thread for thread in threading.enumerate() if thread.name == "live"]


def test_an_ending_process_wakes_its_watchers(listener):
    with listener.watch(None) as watcher:
        begun(watcher)
        listener.close()
        assert watcher.wait(0)


def test_a_thread_that_cannot_be_had_is_asked_for_again(listener, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError), listener.watch(None):
            pass
    assert listener.watchers == 0
    with listener.watch(None) as watcher:
        begun(watcher)


@pytest.mark.parametrize("text", ["", "7,x", "9" * 5_000])
def test_what_another_version_announces_reaches_all_and_ends_nothing(listener, text):
    job = submit_job(1)
    with listener.watch(job.pk) as watcher:
        begun(watcher)
        notify(queue.JOBS_CHANNEL, [text])
        assert watcher.wait(SECONDS)
        queue.announce([job.pk])
        assert watcher.wait(SECONDS)
