"""When is a request answered that would wait for news of a job, and what does it hold meanwhile?"""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client

from api.v1 import sse, waiting
from api.v1.prefer import wait_in
from jobs import actions, deletion, queue
from jobs.reporting import notifications
from tests.factories import look, make_worker, submit_job, success
from tests.waiting import wait_for


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", None),
        ("wait=30", 30),
        ("Wait = 30", 30),
        ('wait="30"', 30),
        ("respond-async, wait=10;a=b", 10),
        ("wait=5, wait=50", 5),
        ("wait=0", 0),
        ("wait=59", 59),
        ("wait=60", 59),
        ("wait=999999999", 59),
        ("wait=9999999999", None),
        ("wait", None),
        ("wait=", None),
        ("wait=-1", None),
        ("wait=1.5", None),
        ('wait="30', None),
        ("wait=x, wait=7", 7),
        ("await=3", None),
    ],
)
def test_a_preference_is_read_as_rfc_7240_says(header, seconds):
    assert wait_in(header) == seconds


def test_it_ends_before_the_web_server_cuts_the_request_off(settings):
    settings.WEB_REQUEST_SECONDS = 1
    assert wait_in("wait=30") == 0
    settings.WEB_REQUEST_SECONDS = 3600
    assert [wait_in(f"wait={each}") for each in (59, 60, 61)] == [59, 60, 60]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(notifications, "LISTEN_SECONDS", 0.05)
    monkeypatch.setattr(notifications, "LINGER_SECONDS", 0.0)
    monkeypatch.setattr(sse, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(waiting, "CHECK_SECONDS", 0.05)
    yield
    wait_for(lambda: notifications.listener.watchers == 0)
    wait_for(lambda: not [thread for thread in threading.enumerate() if thread.name == "live"])


@pytest.fixture
def ask():
    """Ask for a job in a thread of its own, with headers; returns a future of the answer."""
    user = User.objects.create_user("ann")
    client = Client()
    client.force_login(user)
    with ThreadPoolExecutor(4) as pool:

        def get(job, seconds=None, etag=None, **extra):
            headers = {
                **({"Prefer": f"wait={seconds}"} if seconds is not None else {}),
                **({"If-None-Match": etag} if etag else {}),
            }

            def answer():
                try:
                    return client.get(f"/api/v1/jobs/{job.pk}", headers=headers, **extra)
                finally:
                    connections.close_all()

            return pool.submit(answer)

        get.user = user
        yield get


def finish(count=1):
    worker = make_worker()
    queue.announce(queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=count)]).moved_jobs)


def until_somebody_waits(count=1):
    wait_for(lambda: notifications.listener.watchers == count)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
class TestWaiting:
    def test_a_change_is_answered_when_it_comes(self, ask):
        job = submit_job(2, owner=ask.user)
        etag = ask(job).result()["ETag"]
        asked = ask(job, 50, etag)
        until_somebody_waits()
        actions.prioritize(job.pk, -3, ask.user)
        answer = asked.result()
        assert (answer.status_code, answer["Preference-Applied"]) == (200, "wait=50")
        assert answer["ETag"] != etag
        assert answer.json()["priority"] == -3

    def test_what_has_changed_already_is_answered_at_once(self, ask):
        job = submit_job(2, owner=ask.user)
        etag = ask(job).result()["ETag"]
        finish()
        assert ask(job, 50, etag).result().json()["counts"]["completed"] == 1

    def test_without_an_etag_it_waits_for_a_change_from_now_on(self, ask):
        job = submit_job(2, owner=ask.user)
        asked = ask(job, 50)
        until_somebody_waits()
        actions.pause(job.pk, ask.user)
        assert asked.result().json()["state"] == "paused" == look(job).state

    def test_who_names_no_etag_does_not_wait_for_a_job_that_has_ended(self, ask):
        job = submit_job(1, owner=ask.user)
        finish()
        ended = ask(job, 50).result()
        assert (ended.status_code, ended["Preference-Applied"]) == (200, "wait=50")

    def test_when_the_time_is_over_nothing_has_changed(self, ask):
        job = submit_job(1, owner=ask.user)
        etag = ask(job).result()["ETag"]
        answer = ask(job, 1, etag).result()
        assert (answer.status_code, answer["ETag"], answer["Preference-Applied"]) == (304, etag, "wait=1")
        answer = ask(job, 1).result()
        assert (answer.status_code, answer["ETag"], answer["Preference-Applied"]) == (200, etag, "wait=1")

    def test_who_would_not_wait_is_answered_as_ever(self, ask):
        job = submit_job(1, owner=ask.user)
        etag = ask(job).result()["ETag"]
        for seconds, known in ((None, etag), (0, etag), (50, "*")):
            answer = ask(job, seconds, known).result()
            assert answer.status_code == 304
            assert "Preference-Applied" not in answer

    def test_without_listening_the_row_is_read_from_time_to_time(self, ask, settings, monkeypatch):
        settings.LEASE_ONLY = True
        monkeypatch.setattr(sse, "REREAD_SECONDS", 0.05)
        job = submit_job(1, owner=ask.user)
        asked = ask(job, 50, ask(job).result()["ETag"])
        until_somebody_waits()
        actions.pause(job.pk, ask.user)
        assert asked.result().json()["state"] == "paused"
        assert not [thread for thread in threading.enumerate() if thread.name == "live"]

    def test_it_takes_one_of_the_places_of_its_client_and_gives_it_back(self, ask, settings):
        settings.LIVE_STREAMS_PER_CLIENT = 1
        job = submit_job(2, owner=ask.user)
        asked = ask(job, 50)
        until_somebody_waits()
        at_once = ask(job, 50).result()
        assert at_once.status_code == 200
        assert "Preference-Applied" not in at_once
        finish()
        asked.result()
        assert not sse.places._taken
        settings.LIVE_STREAMS = 0
        assert "Preference-Applied" not in ask(job, 50).result()

    def test_a_job_that_is_deleted_meanwhile_is_not_there(self, ask):
        job = submit_job(1, owner=ask.user)
        finish()
        asked = ask(job, 50, ask(job).result()["ETag"])
        until_somebody_waits()
        deletion.mark(job.pk, None)
        queue.announce([job.pk])
        assert asked.result().status_code == 404
        assert not sse.places._taken

    def test_it_is_answered_when_the_process_ends(self, ask, monkeypatch):
        job = submit_job(1, owner=ask.user)
        monkeypatch.setattr(notifications.listener, "closing", False)
        asked = ask(job, 50)
        until_somebody_waits()
        notifications.listener.close()
        assert asked.result().json()["state"] == "queued"

    def test_a_client_that_goes_frees_its_thread(self, ask):
        job = submit_job(1, owner=ask.user)
        here, there = socket.socketpair()
        with here, there:
            asked = ask(job, 50, **{"gunicorn.socket": here})
            until_somebody_waits()
            there.send(b"GET /another HTTP/1.1")
            assert not waiting._has_gone({"gunicorn.socket": here})
            here.recv(100)
            there.close()
            asked.result(30)
            assert waiting._has_gone({"gunicorn.socket": here})

    def test_no_connection_to_the_database_is_held_meanwhile(self, ask, settings):
        settings.LEASE_ONLY = True
        job = submit_job(1, owner=ask.user)
        held = []

        def look_around(environ):
            held.append(connection.connection)
            return True

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(waiting, "_has_gone", look_around)
            ask(job, 50).result()
        assert held == [None]
