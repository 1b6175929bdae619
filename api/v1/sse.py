"""Server-sent events: what happens to a job, as it happens.

A stream takes one of the web server's threads, so there are only LIVE_STREAMS of them, and each ends after a while:
the browser comes back by itself, with the id of the last event it has seen. No database connection is held while a
stream waits.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic
from typing import Any, Self

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from jobs.models import Job
from jobs.reporting.hosts import NONE, waits
from jobs.reporting.notifications import Watcher, listener
from jobs.states import JobState

# Between two events of a stream; what happens meanwhile is told together.
PAUSE_SECONDS = 0.5
# A notification may be lost: so often the row is looked at without one.
LOOK_SECONDS = 5.0
# How often something is sent all the same: that a client has gone is found out by sending to it, and until then its
# place is taken.
BEAT_SECONDS = 1.0
_BEAT = b":\n\n"
# How long a stream lasts, unless the web server would cut it off sooner.
STREAM_SECONDS = 50.0
# After which a browser comes back whose stream has ended.
RECONNECT_MILLISECONDS = 1000

_free = threading.BoundedSemaphore(settings.LIVE_STREAMS or 1)


class NoStreamFree(Exception):
    """LIVE_STREAMS are taken; the client asks for the job every few seconds instead."""


class _Stream:
    """The events of one response. Not a generator: one that was never begun would never give its place back."""

    def __init__(self, job_id: int | None, seen: str) -> None:
        if not settings.LIVE_STREAMS or not _free.acquire(blocking=False):
            raise NoStreamFree
        with ExitStack() as place:
            place.callback(_free.release)
            self._watcher: Watcher = place.enter_context(listener.watch(job_id))
            self._place = place.pop_all()
        self._job_id = job_id
        self._seen = seen
        self._events = self._tell()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        return next(self._events)

    def close(self) -> None:
        self._place.close()

    def _tell(self) -> Iterator[bytes]:
        end = monotonic() + min(STREAM_SECONDS, settings.WEB_REQUEST_SECONDS - 1)
        yield f"retry: {RECONNECT_MILLISECONDS}\n\n".encode()
        moved, look_at = True, 0.0
        while not listener.closing:
            if moved or monotonic() >= look_at:
                try:
                    event, ended = self._look(moved)
                except DatabaseError:
                    return  # the client comes back, and is answered 503 or 200
                look_at = monotonic() + LOOK_SECONDS
            else:
                event, ended = _BEAT, False
            yield event
            if ended or monotonic() >= end:
                return
            moved = self._watcher.wait(min(BEAT_SECONDS, max(end - monotonic(), 0.1)))
            if moved and not listener.closing:
                threading.Event().wait(PAUSE_SECONDS)

    def _look(self, moved: bool) -> tuple[bytes, bool]:
        """What is to be said now, and whether it is the last thing."""
        if self._job_id is None:
            return (_event("change", {}) if moved else _BEAT), False
        try:
            job = Job.objects.with_running().filter(pk=self._job_id).first()
            revision = _revision(job) if job else ""
        finally:
            connection.close()
        if job is None:
            return _event("end", {}), True
        ended = job.state == JobState.ENDED
        if revision == self._seen and not ended:
            return _BEAT, False
        self._seen = revision
        return _event("end" if ended else "change", standing(job), revision), ended


def _revision(job: Job) -> str:
    """Another text whenever anything has changed that is said of the job or of the hosts that it waits for."""
    return job.revision + waits([job]).get(job.pk, NONE).revision


def standing(job: Job) -> dict[str, Any]:
    """Where a job `with_running` stands, in few words."""
    return {
        "id": job.pk,
        "state": job.state,
        "outcome": job.outcome,
        "counts": {
            "total": job.total,
            "pending": job.pending,
            "running": job.running,
            "completed": job.completed,
            "failed": job.failed - job.canceled,
            "canceled": job.canceled,
        },
        "progress": job.progress,
    }


def stream(job: Job | None, last_event_id: str) -> HttpResponseBase:
    """The events of a job `with_running`, or of all jobs for None, as far as the client has not seen them.

    204 for a job whose end the client has seen: that tells a browser not to come back. Raises NoStreamFree.
    """
    if job is not None and job.state == JobState.ENDED and last_event_id == job.revision:
        return HttpResponse(status=204)
    events = _Stream(job.pk if job else None, last_event_id)
    # What the request has read so far came over this one.
    connection.close()
    # The second header is for proxies that would collect the events first.
    return StreamingHttpResponse(
        events, content_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


def _event(name: str, data: dict[str, Any], event_id: str = "") -> bytes:
    lines = [f"event: {name}", f"data: {json.dumps(data)}", *([f"id: {event_id}"] if event_id else [])]
    return ("\n".join(lines) + "\n\n").encode()
