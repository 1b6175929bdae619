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
from jobs.engine.gate import Gate
from jobs.engine.heartbeat import Heartbeat
from jobs.engine.recorder import Recorder
from jobs.engine.slots import Slots
from jobs.engine.wake import Wake
from jobs.errors import HostPaused, HTTPStatus, Internal
from jobs.imaging.guard import host_of
from jobs.imaging.host import Pause
from jobs.imaging.host_limits import STUCK_SECONDS
from jobs.imaging.pipeline import Pipeline
from jobs.imaging.types import Claim, Evidence, Outcome

logger = logging.getLogger(__name__)

# How often dead workers are looked for, waiting images promoted, and ready ones found without a wake-up.
HOUSEKEEPING_SECONDS = 0.5
# How often the heartbeat's thread looks up from listening.
LISTEN_SECONDS = 0.25
# Outcomes that may wait to be recorded: a lock or a full disk that holds up the recorder holds up the slots in the end.
MOST_UNRECORDED = 500
# Between two claims while images wait for their hosts: each answer may give room for one more.
LANE_SECONDS = 0.02
# Images at a time for which the refusal of their host's probe is counted.
COUNTED_AT_A_TIME = 250
# What the first host of a redirect has answered.
REDIRECTED = HTTPStatus(http.HTTPStatus.FOUND)
# A download ends at its deadline; a slot that takes this much longer hangs in a decoder or in the model.
OVERDUE_SECONDS = 30.0


class Epoch:
    """Made and run by one thread, which is its claimer; the recorder and the heartbeat have threads of their own.

    It ends when the engine stops, or when a connection is lost: then the next epoch begins with new connections and
    a new id, so that nothing old can be taken for ours.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        slots: Slots,
        lanes: queue.Lanes,
        gate: Gate,
        stopping: threading.Event,
        looked: threading.Event,
    ) -> None:
        self._pipeline = pipeline
        self._slots = slots
        self._lanes = lanes
        self._hosts = lanes.limits
        self._gate = gate
        self.wake = Wake(stopping)
        self._looked = looked
        self._heartbeat = Heartbeat(settings.WORKER_THREADS)
        self.worker_id = self._heartbeat.worker_id
        self._heartbeat_thread = threading.Thread(target=self._beat, name=f"heartbeat-{self.worker_id}", daemon=True)
        self._recorder = Recorder(self.worker_id, on_recorded=self._recorded, on_lost=self.wake.lose)
        # Claimed and not yet recorded.
        self.in_flight: set[Claim] = set()
        self._claimed_at = 0.0

    def run(self) -> None:
        """Claim and hand out until stopped, then drain. Raises what ended the epoch early."""
        logger.info("worker started", extra={"worker": self.worker_id, "slots": settings.WORKER_THREADS})
        self._recorder.start()
        self._heartbeat_thread.start()
        drained = False
        try:
            while not self.wake.is_stopping:
                self._housekeep()
                self._report_overdue()
                self._claim_until(monotonic() + HOUSEKEEPING_SECONDS)
            self._drain()
            drained = True
        finally:
            self.wake.end()
            # Where the epoch was lost, so is what no slot has begun: a living worker will claim it again.
            self._empty_slots(seconds=0)
            self._recorder.close(seconds=0)
            self._heartbeat_thread.join()
            if drained:
                self._heartbeat.leave()
            self._heartbeat.close()
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
            self.wake.expect_work()

    def _share_pauses(self) -> None:
        """Let the other processes know which hosts were paused or resumed here."""
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

    def _report_overdue(self) -> None:
        """Log where a hung slot hangs: nothing can free its thread but the end of the process."""
        for busy in self._slots.overdue(settings.FETCH_DEADLINE_SECONDS + OVERDUE_SECONDS):
            logger.warning(
                "slot overdue",
                extra={
                    "job": busy.claim.job_id,
                    "image": busy.claim.image_id,
                    "seconds": round(busy.seconds),
                    "stack": busy.stack(),
                },
            )

    def _claim_until(self, deadline: float) -> None:
        """Keep the slots filled until `deadline`, on the monotonic clock."""
        # A wake-up may get lost with its connection; so the queue is read at least once a round.
        if self._gate.is_open:
            self.wake.expect_work()
        while not self.wake.is_stopping:
            self.wake.raise_lost()
            is_open = self._gate.is_open
            if is_open:
                self._count_refusals(MOST_UNRECORDED - len(self.in_flight))
            room = min(self._slots.room, self._slots.size + MOST_UNRECORDED - len(self.in_flight))
            if room >= self._slots.refill_at and self.wake.expects_work:
                self.wake.looking()
                if look := self._gate.look():
                    self._look(look, room, deadline)
                    continue
            if monotonic() >= deadline:
                return
            opening = min(self._hosts.next_opening(), STUCK_SECONDS) if is_open and self._lanes.hold_any else inf
            if not self.wake.wait(min(deadline - monotonic(), opening)) and monotonic() < deadline:
                # A host may take another image by now.
                self.wake.expect_work()
            if self._lanes.hold_any:
                self.wake.rest(self._claimed_at + LANE_SECONDS - monotonic())

    def _look(self, look: int, room: int, deadline: float) -> None:
        """Claim at most `room` images and hand them out; `look` is the gate's number of this."""
        found = self._claim(room)
        claims = found or []
        if len(claims) == room or (self._lanes.has_more and monotonic() < deadline):
            self.wake.expect_work()
        elif found is not None and not (self._lanes.hold_any or self._lanes.line_goes_first):
            self._gate.nothing_ready(look)
        self._hand_out(claims)
        self._looked.set()

    def _count_refusals(self, room: int) -> None:
        """Let the refusal of a host's probe count for images that wait for it, once it has refused for too long."""
        exhausted = self._hosts.exhausted()
        if exhausted is None or room < COUNTED_AT_A_TIME:
            return
        host, pause = exhausted
        claims = self._try_to_claim(lambda: queue.claim_waiting(self.worker_id, host, COUNTED_AT_A_TIME))
        if claims is None:
            return
        if len(claims) < COUNTED_AT_A_TIME:
            self._hosts.counted(host)
        self.in_flight.update(claims)
        for claim in claims:
            self._recorder.put(Outcome(claim, Evidence(), error=HostPaused(pause.code, pause.message)))

    def _claim(self, limit: int) -> list[Claim] | None:
        self._claimed_at = monotonic()

        def claim() -> list[Claim]:
            self._share_pauses()
            return queue.claim(self.worker_id, limit, in_flight=self.in_flight.copy(), lanes=self._lanes)

        return self._try_to_claim(claim)

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
            # Any of them ends the epoch; the places of these images must not stay taken at their hosts.
            for claim in claims:
                self._hosts.released(claim.host, claim.image_id)
            raise
        # All of them first: a slot may be done with an image before the next line is reached.
        self.in_flight.update(claims)
        try:
            self._slots.take(self._work, claims)
        except RuntimeError:
            # The interpreter is ending under us; the drain hands back what no slot has taken.
            self.wake.stop()

    def _work(self, claim: Claim) -> None:
        """What a slot does; touches no database."""
        try:
            outcome = self._pipeline.process(claim, fetched=self._fetched)
        except BaseException:
            # Not even a SystemExit from a model may leave the image in flight for ever.
            logger.exception("slot failed", extra={"job": claim.job_id, "image": claim.image_id})
            outcome = Outcome(claim, Evidence(), error=Internal())
        self._recorder.put(self._report_to_host(outcome))
        if self._lanes.hold_any:
            self.wake.expect_work()
        if self._slots.room + 1 >= self._slots.refill_at:
            self.wake.slots_freed()

    def _fetched(self, claim: Claim) -> None:
        self._hosts.fetched(claim.host, claim.image_id)
        if self._lanes.hold_any:
            self.wake.work_came()

    def _report_to_host(self, outcome: Outcome) -> Outcome:
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
        self.in_flight.difference_update(outcome.claim for outcome in outcomes)
        # A recorded outcome may have made the store's next image ready.
        self.wake.work_came()

    def _beat(self) -> None:
        try:
            while not self.wake.has_ended:
                failpoints.hit("heartbeat.wait")
                if self._heartbeat.wait(LISTEN_SECONDS):
                    self.wake.work_came()
        except BaseException as error:  # noqa: BLE001 - the claimer must learn of any of them
            self.wake.lose(error)

    def _empty_slots(self, seconds: float) -> None:
        for claim in self._slots.empty(seconds):
            self._hosts.released(claim.host, claim.image_id)

    def _drain(self) -> None:
        """Let the slots finish for SHUTDOWN_SECONDS, record what they found, hand the rest back."""
        deadline = monotonic() + settings.SHUTDOWN_SECONDS
        self._empty_slots(settings.SHUTDOWN_SECONDS)
        self._recorder.close(seconds=max(1.0, deadline - monotonic()))
        released = queue.release(self.worker_id, list(self.in_flight))
        if released:
            logger.info("claims released", extra={"worker": self.worker_id, "released": released})
