"""Delivery: in every process of an engine, beside its work.

**Guarantee.** Whatever is pending is sent until a receiver has taken it, or as often as `schedule.py` says: at least
once each time, by one process at a time, always as the same bytes under the same `webhook-id`. A process that dies in
between leaves its leases behind, which another one takes over when they end.

One thread claims and records, and is the only one that asks the database; WEBHOOK_THREADS others send, and up to
MOST_THREADS times as many where attempts go on for long, see `choice.py`. Each is started when it is first needed.
Where nothing is pending, it costs one step in a small index a second.
"""

from __future__ import annotations

import logging
import queue as queues
import random
import threading
from contextlib import suppress
from math import inf
from time import monotonic, sleep, time

from django.conf import settings
from django.db import Error, connections

from jobs import failpoints
from jobs.errors import Internal
from jobs.imaging.guard import host_of
from jobs.imaging.post import Poster
from webhooks import claims, results
from webhooks.addresses import guard
from webhooks.attempts import NOT_ALLOWED, Result, send
from webhooks.choice import MOST_THREADS, Due, Trust, UnderWay, choose, trust, until_long
from webhooks.claims import Claim
from webhooks.readers import Readers

logger = logging.getLogger(__name__)

# Between two looks while nothing is found, on average: each time half to one and a half times as long.
LOOK_SECONDS = 1.0
# After an attempt has ended: others that end at nearly the same time are recorded with it.
LINGER_SECONDS = 0.02
# After the moment at which an attempt becomes a long one: by then it is one.
PASSED_SECONDS = 0.001
# After the database has refused.
AGAIN_SECONDS = 1.0
# After WEBHOOK_SECONDS, while leaving: for what waits to be recorded.
LEAVING_SECONDS = 5.0
# Of which one look goes through at most, however many endpoints have anything pending: each job may have one.
MOST_PAGES = 20
# Of which it is remembered whether they answered.
MOST_HOSTS = 4_096


class Sender:
    """Starts and leaves with its engine; made for every worker id, so that no lease can be taken for another's."""

    def __init__(self, worker_id: int, poster: Poster | None = None) -> None:
        self._worker_id = worker_id
        self._poster = poster or Poster(guard(), deadline_seconds=settings.WEBHOOK_SECONDS)
        self._threads = settings.WEBHOOK_THREADS
        self._leaving = threading.Event()
        # Set when there is something to do before the next look.
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"webhooks-{worker_id}", daemon=True)
        # None ends a thread.
        self._to_send: queues.SimpleQueue[Claim | None] = queues.SimpleQueue()
        self._results: queues.SimpleQueue[Result] = queues.SimpleQueue()
        self._begun: list[threading.Thread] = []
        # By the delivery's id.
        self._under_way: dict[int, UnderWay] = {}
        self._unrecorded: list[Result] = []
        self._readers = Readers()
        self._hosts: dict[str, Trust] = {}
        # Behind which endpoint the next look begins, None for the first; and when it is to see as many as it may.
        self._after: int | None = None
        self._sees_all_at = 0.0
        self._ends_at = inf

    def start(self) -> None:
        if self._threads:
            self._thread.start()

    def leave(self) -> None:
        """Begin to end: nothing more is claimed, and what is under way may end. Returns at once."""
        self._ends_at = monotonic() + settings.WEBHOOK_SECONDS + LEAVING_SECONDS
        self._leaving.set()
        self._woken.set()

    def join(self, seconds: float) -> None:
        """Wait at most `seconds`. What is still under way then ends with the process, and is sent again by another
        one when its lease has ended."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            while not self._leaving.is_set() or (self._under_way and monotonic() < self._ends_at):
                self._woken.wait(self._pause())
                if self._woken.is_set():
                    self._leaving.wait(LINGER_SECONDS)
                self._woken.clear()
                self._do_a_round()
        finally:
            for _ in self._begun:
                self._to_send.put(None)
            self._poster.close()

    def _pause(self) -> float:
        """Seconds until the next round, unless an attempt ends before."""
        look = LOOK_SECONDS * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load
        return min(look, until_long(self._under_way.values(), monotonic()) + PASSED_SECONDS)

    def _do_a_round(self) -> None:
        """Record what has ended, and take what there is room for."""
        try:
            self.record()
            if not self._leaving.is_set():
                self.claim()
        except Error as error:
            logger.warning("webhooks again", extra={"worker": self._worker_id, "error": str(error).strip()})
            sleep(AGAIN_SECONDS)
        finally:
            # The pool is small, and nothing is asked of the database until the next round.
            connections.close_all()

    def record(self) -> None:
        """Record every attempt that has ended. Raises django.db.Error; then they are recorded the next time."""
        while True:
            try:
                self._unrecorded.append(self._results.get_nowait())
            except queues.Empty:
                break
        if not self._unrecorded:
            return
        failpoints.hit("webhooks.before_record")
        held = results.record(self._worker_id, self._unrecorded)
        if held < len(self._unrecorded):
            lost = len(self._unrecorded) - held
            logger.warning("webhooks sent by another process, too", extra={"worker": self._worker_id, "events": lost})
        for each in self._unrecorded:
            self._under_way.pop(each.claim.id, None)
            self._learn(each)
        self._unrecorded.clear()

    def claim(self) -> int:
        """Take what is due, as far as there are threads for it; returns how much. Raises django.db.Error."""
        if len(self._under_way) >= MOST_THREADS * self._threads:
            return 0
        found = self._look()
        wanted = choose(found, self._under_way.values(), self._threads, monotonic())
        if not wanted:
            return 0
        trusted = {each.endpoint_id: each.trust for each in found}
        taken = claims.claim(self._worker_id, wanted)
        failpoints.hit("webhooks.after_claim")
        for each in taken:
            endpoint = each.endpoint
            self._under_way[each.id] = UnderWay(endpoint.pk, endpoint.owner_id, trusted[endpoint.pk], monotonic())
        for each in taken:
            self._hand_out(each)
        return len(taken)

    def _look(self) -> list[Due]:
        """What is due, from where the last look ended: once in LOOK_SECONDS of MOST_PAGES pages of endpoints, which
        mostly are all; else of the next page."""
        pages = 1
        if monotonic() >= self._sees_all_at:
            pages, self._sees_all_at = MOST_PAGES, monotonic() + LOOK_SECONDS
        found: list[Due] = []
        for _ in range(pages):
            due, self._after = claims.look(self._after or 0, self._hosts)
            found += due
            if self._after is None:
                break
        return found

    def _learn(self, result: Result) -> None:
        """Whether the host answers, whatever it says; only what is asked of endpoints that were never tried."""
        if result.error_code in (NOT_ALLOWED, Internal.code):
            return
        host = host_of(result.claim.endpoint.url)
        self._hosts.pop(host, None)
        self._hosts[host] = trust(int(result.status is None), result.milliseconds)
        if len(self._hosts) > MOST_HOSTS:
            self._hosts.pop(next(iter(self._hosts)))

    def _hand_out(self, claim: Claim) -> None:
        if not self._readers.may_be_told(claim.endpoint, claim.event):
            message = "Not sent: the owner of the endpoint may not read any more what it is about."
            self._results.put(Result(claim, int(time()), error_code=NOT_ALLOWED, error_message=message))
            self._woken.set()
            return
        if len(self._begun) < len(self._under_way):
            thread = threading.Thread(target=self._send, name=f"webhook-{len(self._begun)}", daemon=True)
            # Where none can be had, those that there are do the work.
            with suppress(RuntimeError):
                thread.start()
                self._begun.append(thread)
        self._to_send.put(claim)

    def _send(self) -> None:
        """What a thread does; touches no database."""
        while (claim := self._to_send.get()) is not None:
            try:
                result = send(self._poster, claim)
            except Exception:
                # Whatever it is, this thread has others to send, and the delivery its schedule.
                logger.exception("webhook failed", extra={"delivery": claim.id})
                result = Result(claim, int(time()), error_code=Internal.code, error_message=Internal.sentence)
            self._results.put(result)
            self._woken.set()
