"""One worker id's life: claim, hand out, record, and leave in order."""

import http
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from math import inf
from time import monotonic

from django.conf import settings
from django.db import DatabaseError, connections

from jobs import failpoints, queue
from jobs.engine.faults import is_transient
from jobs.engine.heartbeat import Keeper
from jobs.engine.recorder import Recorder
from jobs.engine.slots import Seats
from jobs.errors import HostPaused, HTTPStatus, Internal
from jobs.imaging.guard import host_of
from jobs.imaging.host import Pause
from jobs.imaging.host_limits import STUCK_SECONDS
from jobs.imaging.pipeline import Pipeline
from jobs.imaging.types import Claim, Evidence, Outcome

logger = logging.getLogger(__name__)

# How often dead workers are looked for, waiting images promoted, and ready ones found without a wake-up.
HOUSEKEEPING_SECONDS = 0.5
# How often the keeper looks up from listening.
LISTEN_SECONDS = 0.25
# Outcomes that may wait to be recorded: while a lock or a full disk holds up the recorder, so are the seats in the end.
MOST_UNRECORDED = 500
# Where images wait for their hosts, so much time lies between two claims: each answer may give room for one more.
LANE_SECONDS = 0.02
# Images at a time for which the refusal of their host's probe is counted.
COUNTED_AT_A_TIME = 250
# What the first host of a redirect has answered.
REDIRECTED = HTTPStatus(http.HTTPStatus.FOUND)
# A download ends at its deadline; a seat that takes this much longer hangs in a decoder or in the model.
OVERDUE_SECONDS = 30.0


class Epoch:
    """Made and run by one thread, which is its claimer; the recorder and the keeper have threads of their own.

    It ends when it is told to stop, or when a connection is lost: then the next epoch begins with new
    connections and a new id, so that nothing old can be taken for ours.
    """

    def __init__(self, pipeline: Pipeline, seats: Seats, lanes: queue.Lanes, stopping: threading.Event) -> None:
        self._pipeline = pipeline
        self._seats = seats
        self._lanes = lanes
        self._hosts = lanes.limits
        self._stopping = stopping
        self._keeper = Keeper(settings.WORKER_THREADS)
        self.worker_id = self._keeper.worker_id
        self._keeper_thread = threading.Thread(target=self._keep, name=f"keeper-{self.worker_id}", daemon=True)
        self._recorder = Recorder(self.worker_id, on_recorded=self._recorded, on_lost=self._lose)
        # Set by whatever the claimer should look up for: a wake-up, room in the seats, a stop, a loss.
        self.stir = threading.Event()
        # Claimed and not yet recorded.
        self.in_hand: set[Claim] = set()
        self._queue_is_empty = False
        self._claimed_at = 0.0
        self._lost: BaseException | None = None
        self._leaving = threading.Event()

    def run(self) -> None:
        """Claim and hand out until stopped, then drain. Raises what ended the epoch early."""
        logger.info("worker started", extra={"worker": self.worker_id, "seats": settings.WORKER_THREADS})
        self._recorder.start()
        self._keeper_thread.start()
        drained = False
        try:
            while not self._stopping.is_set():
                self._housekeep()
                self._tell_overdue()
                self._claim_until(monotonic() + HOUSEKEEPING_SECONDS)
            self._drain()
            drained = True
        finally:
            self._leaving.set()
            # Where the epoch was lost, so is what no seat has begun: somebody will claim it again.
            self._empty_seats(seconds=0)
            self._recorder.close(seconds=0)
            self._keeper_thread.join()
            if drained:
                self._keeper.leave()
            self._keeper.close()
            connections.close_all()
        logger.info("worker left", extra={"worker": self.worker_id})

    def _housekeep(self) -> None:
        """Take back what dead workers held, and make ready what has waited long enough."""
        try:
            rescued = queue.rescue()
            promoted = queue.promote()
            self._agree_on_hosts()
        except DatabaseError as error:
            if not is_transient(error):
                raise
            logger.warning("housekeeping again", extra={"worker": self.worker_id, "error": str(error).strip()})
            return
        if rescued.workers or rescued.released or rescued.crash_loops:
            logger.warning(
                "claims rescued",
                extra={
                    "worker": self.worker_id,
                    "dead_workers": rescued.workers,
                    "released": rescued.released,
                    "crash_loops": rescued.crash_loops,
                },
            )
        if rescued.released or promoted:
            self._queue_is_empty = False

    def _share_pauses(self) -> None:
        """Tell the other processes what has become of hosts here."""
        if changed := self._hosts.changed_pauses():
            queue.share_pauses(changed)
            self._hosts.shared(changed)
            for host, pause in changed.items():
                self._log_pause(host, pause)

    def _agree_on_hosts(self) -> None:
        """Agree with the other processes on which hosts are paused, and see where images wait for theirs."""
        self._share_pauses()
        self._hosts.learn_pauses(*queue.shared_pauses())
        self._lanes.look_around()

    def _log_pause(self, host: str, pause: Pause | None) -> None:
        if pause is None:
            logger.info("host resumed", extra={"worker": self.worker_id, "host": host})
        else:
            logger.warning(
                "host paused",
                extra={
                    "worker": self.worker_id,
                    "host": host,
                    "code": pause.code,
                    "seconds": round(pause.until - monotonic(), 1),
                    "number": pause.number,
                },
            )

    def _tell_overdue(self) -> None:
        """Log where a hung seat hangs: nothing can free its thread but the end of the process."""
        for sitting in self._seats.overdue(settings.FETCH_DEADLINE_SECONDS + OVERDUE_SECONDS):
            logger.warning(
                "seat overdue",
                extra={
                    "job": sitting.claim.job_id,
                    "image": sitting.claim.image_id,
                    "seconds": round(sitting.seconds),
                    "stack": sitting.stack(),
                },
            )

    def _claim_until(self, deadline: float) -> None:
        """Keep the seats filled until `deadline`, on the monotonic clock."""
        # A wake-up may get lost with its connection; so the queue is asked at least once a round.
        self._queue_is_empty = False
        while not self._stopping.is_set():
            if self._lost is not None:
                raise self._lost
            self._count_refusals(MOST_UNRECORDED - len(self.in_hand))
            room = min(self._seats.room, self._seats.size + MOST_UNRECORDED - len(self.in_hand))
            if room >= self._seats.refill_at and not self._queue_is_empty:
                # Said before the queue is asked: a wake-up that comes meanwhile must be the last word.
                self._queue_is_empty = True
                claims = self._claim(room)
                if len(claims) == room or (self._lanes.has_more and monotonic() < deadline):
                    self._queue_is_empty = False
                self._hand_out(claims)
                continue
            if monotonic() >= deadline:
                return
            opening = min(self._hosts.next_opening(), STUCK_SECONDS) if self._lanes.hold_any else inf
            if not self.stir.wait(max(0.0, min(deadline - monotonic(), opening))) and monotonic() < deadline:
                self._queue_is_empty = False
            self.stir.clear()
            if self._lanes.hold_any and (wait := self._claimed_at + LANE_SECONDS - monotonic()) > 0:
                self._stopping.wait(wait)

    def _count_refusals(self, room: int) -> None:
        """Where a host's patience is over: let the refusal of its probe count for images that wait, some at a time."""
        exhausted = self._hosts.exhausted()
        if exhausted is None or room < COUNTED_AT_A_TIME:
            return
        host, pause = exhausted
        claims = self._try_to_claim(lambda: queue.claim_waiting(self.worker_id, host, COUNTED_AT_A_TIME))
        if claims is None:
            return
        if len(claims) < COUNTED_AT_A_TIME:
            self._hosts.counted(host)
        self.in_hand.update(claims)
        for claim in claims:
            self._recorder.put(Outcome(claim, Evidence(), error=HostPaused(pause.code, pause.message)))

    def _claim(self, limit: int) -> list[Claim]:
        self._claimed_at = monotonic()

        def claim() -> list[Claim]:
            self._share_pauses()
            return queue.claim(self.worker_id, limit, beside=self.in_hand.copy(), lanes=self._lanes)

        return self._try_to_claim(claim) or []

    def _try_to_claim(self, claim: Callable[[], list[Claim]]) -> list[Claim] | None:
        """What was claimed; None where the moment was wrong."""
        try:
            return claim()
        except DatabaseError as error:
            if not is_transient(error):
                raise
            logger.warning("claiming again", extra={"worker": self.worker_id, "error": str(error).strip()})
            return None

    def _hand_out(self, claims: list[Claim]) -> None:
        try:
            failpoints.hit("claim.after_commit", claims)
        except BaseException:
            # Whatever it is, it ends the epoch; the places of these images must not stay taken at their hosts.
            for claim in claims:
                self._hosts.released(claim.host, claim.image_id)
            raise
        # All of them first: a seat may be done with an image before the next line is reached.
        self.in_hand.update(claims)
        try:
            self._seats.take(self._work, claims)
        except RuntimeError:
            # The interpreter is ending under us; the drain hands back what no seat has taken.
            self._stopping.set()

    def _work(self, claim: Claim) -> None:
        """What a seat does; touches no database."""
        try:
            outcome = self._pipeline.process(claim, fetched=self._fetched)
        except BaseException:
            # Not even a SystemExit from a model may leave the image in hand for ever.
            logger.exception("seat failed", extra={"job": claim.job_id, "image": claim.image_id})
            outcome = Outcome(claim, Evidence(), error=Internal())
        self._recorder.put(self._tell_host(outcome))
        if self._lanes.hold_any:
            self._queue_is_empty = False
        if self._seats.room + 1 >= self._seats.refill_at and not self._queue_is_empty and not self.stir.is_set():
            self.stir.set()

    def _fetched(self, claim: Claim) -> None:
        self._hosts.fetched(claim.host, claim.image_id)
        if self._lanes.hold_any:
            self._queue_is_empty = False
            self.stir.set()

    def _tell_host(self, outcome: Outcome) -> Outcome:
        """Report an outcome to the limits of its host, which may take the blame for it."""
        claim, seen, error = outcome.claim, outcome.evidence, outcome.error
        if error is not None and error.is_refusal and seen.redirects and host_of(seen.redirects[-1]) != claim.host:
            # It is another host that refuses; this one has answered.
            error = REDIRECTED
        blame = self._hosts.finished(
            claim.host,
            claim.image_id,
            error,
            url=claim.url,
            fetch_seconds=seen.fetch_ms / 1000,
            model_seconds=(seen.measure_ms + seen.gpu_ms) / 1000,
        )
        return outcome if blame is None else replace(outcome, blame=blame)

    def _recorded(self, outcomes: Iterable[Outcome]) -> None:
        self.in_hand.difference_update(outcome.claim for outcome in outcomes)
        # A recorded outcome may have let the store's next image go.
        self._queue_is_empty = False
        self.stir.set()

    def _keep(self) -> None:
        try:
            while not self._leaving.is_set():
                failpoints.hit("keeper.wait")
                if self._keeper.wait(LISTEN_SECONDS):
                    self._queue_is_empty = False
                    self.stir.set()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the claimer must learn of it
            self._lose(error)

    def _lose(self, error: BaseException) -> None:
        self._lost = error
        self.stir.set()

    def _empty_seats(self, seconds: float) -> None:
        for claim in self._seats.empty(seconds):
            self._hosts.released(claim.host, claim.image_id)

    def _drain(self) -> None:
        """Let the seats finish for SHUTDOWN_SECONDS, record what they found, hand the rest back."""
        deadline = monotonic() + settings.SHUTDOWN_SECONDS
        self._empty_seats(settings.SHUTDOWN_SECONDS)
        self._recorder.close(seconds=max(1.0, deadline - monotonic()))
        released = queue.release(self.worker_id, list(self.in_hand))
        if released:
            logger.info("claims released", extra={"worker": self.worker_id, "released": released})
