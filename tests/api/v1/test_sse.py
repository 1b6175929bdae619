"""What does a stream of events send, how many streams may be open, and what does each hold?"""

import json
import threading
from contextlib import closing

import pytest
from django.conf import settings as project
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from api.v1 import sse
from api.v1.sse import NoStreamFree, TooManyStreams, stream
from jobs import queue
from jobs.models import PausedHost
from jobs.reporting import notifications
from tests.api.v1.conftest import assert_problem
from tests.factories import defer, look, make_worker, pause_host, submit_job, success
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(notifications, "LISTEN_SECONDS", 0.05)
    monkeypatch.setattr(notifications, "LINGER_SECONDS", 0.0)
    monkeypatch.setattr(sse, "PAUSE_SECONDS", 0.01)
    yield
    wait_for(lambda: notifications.listener.watchers == 0)
    wait_for(lambda: not [thread for thread in threading.enumerate() if thread.name == "live"])


class Opened:
    """A response's events, one by one."""

    def __init__(self, job, last_event_id=""):
        self.response = stream(job, last_event_id, "somebody")
        self._chunks = iter(self.response.streaming_content)
        assert next(self._chunks) == b"retry: 1000\n\n"

    def chunk(self) -> str:
        return next(self._chunks).decode()

    def rest(self) -> list[bytes]:
        """Everything up to the end of the stream."""
        return [*self._chunks, b""]

    def event(self) -> dict:
        """The next event that is not a comment."""
        while (chunk := self.chunk()).startswith(":"):
            pass
        fields = dict(line.split(": ", 1) for line in chunk.strip().split("\n"))
        return {**fields, "data": json.loads(fields["data"])}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.response.close()


def finish(job, count):
    worker = make_worker()
    queue.announce(queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=count)]).moved_jobs)


@pytest.mark.parametrize("of_all", [False, True])
def test_a_stream_begins_without_the_connection_of_its_request(of_all):
    job = look(submit_job(1))
    assert connection.connection is not None
    response = stream(None if of_all else job, "", "somebody")
    # Until it reads the job for the first time, and then only for as long: streams outnumber connections.
    assert connection.connection is None
    response.close()


def test_the_first_event_holds_the_jobs_state():
    with Opened(look(submit_job(2))) as opened:
        event = opened.event()
    assert event["event"] == "change"
    assert event["data"]["state"] == "queued"
    assert event["data"]["counts"] == {
        "total": 2, "pending": 2, "running": 0, "completed": 0, "failed": 0, "canceled": 0,
    }  # fmt: skip


def test_an_event_is_sent_when_the_hosts_that_a_job_waits_for_change(monkeypatch):
    monkeypatch.setattr(sse, "REREAD_SECONDS", 0.02)
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.01)
    job = submit_job(2)
    with Opened(look(job)) as opened:
        first = opened.event()
        pause_host("images.test:80")
        defer(job, "images.test:80")
        second = opened.event()
        PausedHost.objects.all().delete()
        third = opened.event()
    assert first["id"] == third["id"] != second["id"]
    assert first["data"] == second["data"]


def test_each_change_is_sent_and_the_last_one_ends_the_stream():
    job = look(submit_job(2))
    with Opened(job) as opened:
        opened.event()
        finish(job, 1)
        assert opened.event()["data"]["counts"]["completed"] == 1
        finish(job, 1)
        last = opened.event()
        assert (last["event"], last["data"]["outcome"]) == ("end", "completed")
        with pytest.raises(StopIteration):
            opened.chunk()


def test_a_client_that_reconnects_receives_only_what_is_new():
    job = look(submit_job(2))
    with Opened(job) as opened:
        seen = opened.event()["id"]
    with Opened(job, seen) as opened:
        assert opened.chunk() == ":\n\n"
        finish(job, 1)
        assert opened.event()["data"]["progress"] == 0.5


def test_a_browser_that_has_received_the_end_does_not_reconnect():
    job = submit_job(1)
    finish(job, 1)
    job = look(job)
    assert stream(job, job.revision, "somebody").status_code == 204
    with Opened(job) as opened:
        assert opened.event()["event"] == "end"


def test_a_stream_of_all_jobs_says_that_something_changed_but_not_what():
    with Opened(None) as opened:
        opened.event()
        submit_job(1)
        assert opened.event()["data"] == {}


def test_where_nobody_listens_a_stream_of_all_jobs_says_so_from_time_to_time(settings, monkeypatch):
    settings.LEASE_ONLY = True
    monkeypatch.setattr(sse, "REREAD_SECONDS", 0.1)
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.01)
    with Opened(None) as opened:
        assert [opened.event()["event"] for _ in range(3)] == ["change"] * 3
        assert not [thread for thread in threading.enumerate() if thread.name == "live"]


def test_the_number_of_streams_is_limited_and_each_is_released(settings):
    job = look(submit_job(1))
    opened = [stream(job, "", f"client {number}") for number in range(project.LIVE_STREAMS)]
    with pytest.raises(NoStreamFree):
        stream(job, "", "somebody")
    # Never started, as when the client has gone before the first byte.
    opened[0].close()
    with Opened(job) as another:
        another.event()
    for each in opened[1:]:
        each.close()


def test_there_is_no_stream_where_none_is_allowed(settings):
    settings.LIVE_STREAMS = 0
    with pytest.raises(NoStreamFree):
        stream(look(submit_job(1)), "", "somebody")


def test_no_client_has_more_than_its_share_and_gets_each_back(settings):
    settings.LIVE_STREAMS_PER_CLIENT = 2
    job = look(submit_job(1))
    opened = [stream(job, "", "somebody") for _ in range(2)]
    with pytest.raises(TooManyStreams):
        stream(job, "", "somebody")
    opened.append(stream(job, "", "another"))
    opened.pop(0).close()
    opened.append(stream(job, "", "somebody"))
    for each in opened:
        each.close()


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
    ],
)
def test_without_a_user_a_client_is_its_address_or_half_of_an_ipv6_one(settings, first, second, are_one):
    settings.API_OPEN, settings.LIVE_STREAMS_PER_CLIENT = True, 1
    with closing(Client().get("/api/v1/jobs/events", REMOTE_ADDR=first)):
        answer = Client().get("/api/v1/jobs/events", REMOTE_ADDR=second)
        answer.close()
    if are_one:
        assert_problem(answer, 429, "too-many-streams")
        assert answer["Retry-After"] == "5"
    else:
        assert answer.status_code == 200


def test_a_user_is_one_client_from_any_address_and_others_are_not(settings):
    settings.LIVE_STREAMS_PER_CLIENT = 1
    clients = [Client(), Client(), Client()]
    for client, name in zip(clients, ["ann", "ann", "bob"], strict=True):
        client.force_login(User.objects.get_or_create(username=name)[0])
    ann, ann_elsewhere, bob = clients
    with closing(ann.get("/api/v1/jobs/events")):
        assert_problem(ann_elsewhere.get("/api/v1/jobs/events", REMOTE_ADDR="192.0.2.7"), 429, "too-many-streams")
        with closing(bob.get("/api/v1/jobs/events")) as answer:
            assert answer.status_code == 200


def test_a_stream_ends_before_the_server_would_cut_it_off(settings):
    settings.WEB_REQUEST_SECONDS = 1.05
    with Opened(look(submit_job(1))) as opened:
        opened.event()
        assert opened.rest()


def test_no_database_connection_is_held_between_two_events():
    with Opened(look(submit_job(1))) as opened:
        opened.event()
        assert connection.connection is None


def test_a_stream_of_an_ending_process_ends(monkeypatch):
    job = look(submit_job(1))
    monkeypatch.setattr(notifications.listener, "closing", False)
    with Opened(job) as opened:
        opened.event()
        notifications.listener.close()
        with pytest.raises(StopIteration):
            opened.chunk()
