"""Server-sent events: a job's changes as they happen.

A stream takes one of the web server's threads, so there are only LIVE_STREAMS of them, LIVE_STREAMS_PER_CLIENT for
each client, and each ends after a while: the browser reconnects by itself, with the id of the last event it has
received. No database connection is held while a stream waits.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from time import monotonic
from typing import Any, Self

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from jobs.models import Job
from jobs.reporting.hosts import NONE, waits
from jobs.reporting.notifications import Watcher, listener
from jobs.reporting.status import status
from jobs.states import JobState

# Between two events of a stream; changes meanwhile are sent together.
PAUSE_SECONDS = 0.5
# How often the row is read without a notification, since one may be lost.
REREAD_SECONDS = 5.0
# How often a comment is sent where nothing has changed: only sending reveals that a client has gone and frees its
# stream.
KEEP_ALIVE_SECONDS = 1.0
_KEEP_ALIVE = b":\n\n"
# How long a stream lasts, unless the web server's own limit is shorter.
STREAM_SECONDS = 50.0
# How long a browser waits before it reconnects.
RECONNECT_MILLISECONDS = 1000


class NoStreamFree(Exception):
    """All LIVE_STREAMS are taken; the client polls the job instead."""


class TooManyStreams(Exception):
    """The client has LIVE_STREAMS_PER_CLIENT already; others shall find one free."""


class _Places:
    """How many streams each client has."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    def take(self, client: str) -> Callable[[], None]:
        """Returns what gives the place back. Raises TooManyStreams, NoStreamFree."""
        with self._lock:
            # In this order: a client that has many itself must not be asked to wait for others.
            if self._taken[client] >= settings.LIVE_STREAMS_PER_CLIENT:
                raise TooManyStreams
            if self._taken.total() >= settings.LIVE_STREAMS:
                raise NoStreamFree
            self._taken[client] += 1
        return partial(self._give_back, client)

    def _give_back(self, client: str) -> None:
        with self._lock:
            self._taken[client] -= 1
            self._taken += Counter()  # keeps only those that have any


_places = _Places()


class _Stream:
    """The events of one response. Not a generator: one that is never started would never give its place back."""

    def __init__(self, job_id: int | None, seen: str, client: str) -> None:
        with ExitStack() as resources:
            resources.callback(_places.take(client))
            self._watcher: Watcher = resources.enter_context(listener.watch(job_id))
            self._resources = resources.pop_all()
        self._job_id = job_id
        self._seen = seen
        self._events = self._generate()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        return next(self._events)

    def close(self) -> None:
        self._resources.close()

    def _generate(self) -> Iterator[bytes]:
        end = monotonic() + min(STREAM_SECONDS, settings.WEB_REQUEST_SECONDS - 1)
        yield f"retry: {RECONNECT_MILLISECONDS}\n\n".encode()
        notified, read_at = True, 0.0
        while not listener.closing:
            if notified or monotonic() >= read_at:
                try:
                    event, ended = self._read(notified)
                except DatabaseError:
                    return  # the client reconnects, and is answered 503 or 200
                read_at = monotonic() + REREAD_SECONDS
            else:
                event, ended = _KEEP_ALIVE, False
            yield event
            if ended or monotonic() >= end:
                return
            notified = self._watcher.wait(min(KEEP_ALIVE_SECONDS, max(end - monotonic(), 0.1)))
            if notified and not listener.closing:
                threading.Event().wait(PAUSE_SECONDS)

    def _read(self, notified: bool) -> tuple[bytes, bool]:
        """The next event, and whether it is the last one."""
        if self._job_id is None:
            # Where nobody listens, any job may have changed meanwhile.
            return (_event("change", {}) if notified or settings.LEASE_ONLY else _KEEP_ALIVE), False
        try:
            job = Job.objects.with_running().filter(pk=self._job_id).first()
            revision = _revision(job) if job else ""
        finally:
            connection.close()
        if job is None:
            return _event("end", {}), True
        ended = job.state == JobState.ENDED
        if revision == self._seen and not ended:
            return _KEEP_ALIVE, False
        self._seen = revision
        return _event("end" if ended else "change", status(job), revision), ended


def _revision(job: Job) -> str:
    """A text that differs whenever anything shown of the job, or of the hosts that it waits for, has changed."""
    return job.revision + waits([job]).get(job.pk, NONE).revision


def stream(job: Job | None, last_event_id: str, client: str) -> HttpResponseBase:
    """The events of a job `with_running`, or of all jobs for None, that the client has not received yet.

    204 for a job whose end the client has received: that tells a browser not to reconnect. `client` is for whom the
    stream counts. Raises NoStreamFree and TooManyStreams.
    """
    if job is not None and job.state == JobState.ENDED and last_event_id == job.revision:
        return HttpResponse(status=204)
    events = _Stream(job.pk if job else None, last_event_id, client)
    # The request has used a connection so far.
    connection.close()
    # The second header is for proxies that would buffer the events.
    return StreamingHttpResponse(
        events, content_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


def _event(name: str, data: dict[str, Any], event_id: str = "") -> bytes:
    lines = [f"event: {name}", f"data: {json.dumps(data)}", *([f"id: {event_id}"] if event_id else [])]
    return ("\n".join(lines) + "\n\n").encode()
