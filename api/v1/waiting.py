"""Long polling: a request that waits for a change, in a place that it shares with the streams of `sse.py`.

While it waits it holds a thread of the web server and no connection to the database, and a client that has gone is
noticed within CHECK_SECONDS.
"""

import socket
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from django.db import connection

from api.v1 import sse
from jobs.reporting.notifications import listener

# How often it is looked whether the client is still there.
CHECK_SECONDS = 1.0


def wait_until[Seen](
    read: Callable[[], Seen],
    is_news: Callable[[Seen], bool],
    *,
    job_id: int,
    seconds: float,
    client: str,
    environ: dict[str, Any],
) -> Seen:
    """What `read` has found of a job once that is news, or when the time is over, the process ends or the client goes.

    `client` is for whom the place counts. Raises NoStreamFree and TooManyStreams, and what `read` raises.
    """
    end = monotonic() + seconds
    give_back = sse.places.take(client)
    try:
        with listener.watch(job_id) as watcher:
            while True:
                # The first time, too: it may have changed before anybody listened.
                seen = read()
                connection.close()
                if is_news(seen):
                    return seen
                again = monotonic() + sse.REREAD_SECONDS
                notified = False
                while not notified and monotonic() < again:
                    left = end - monotonic()
                    if left <= 0 or listener.closing or _has_gone(environ):
                        return seen
                    notified = watcher.wait(min(CHECK_SECONDS, left))
                if notified:
                    # What changes meanwhile is answered with it.
                    threading.Event().wait(min(sse.PAUSE_SECONDS, max(end - monotonic(), 0)))
    finally:
        give_back()


def _has_gone(environ: dict[str, Any]) -> bool:
    """Whether the client has closed its connection, as far as the web server lets that be seen."""
    found = environ.get("gunicorn.socket")
    if found is None:
        return False
    try:
        return not found.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
