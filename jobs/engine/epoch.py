"""One worker id's life: claim, hand out, record, and leave in order."""

import http
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from math import inf
from time import monotonic

from django.conf import settings
from django.db import DatabaseError, connections

from jobs import failpoints, queue
from jobs.engine import pace
from jobs.engine.base import wake_up
from jobs.engine.companion import Beside, companions, in_every_engine
from jobs.engine.faults import is_transient
from jobs.engine.gate import Gate
from jobs.engine.heartbeat import EVERYONE, Heartbeat, wake_listeners
from jobs.engine.housekeeping import Housekeeping
from jobs.engine.meter import make_meter
from jobs.engine.moved_jobs import MovedJobs
from jobs.engine.photo_retention import PhotoRetention
from jobs.engine.photo_room import PhotoRoom
from jobs.engine.recorder import Recorder
from jobs.engine.retention import Retention
from jobs.engine.shared_hosts import SharedHosts
from jobs.engine.slots import Slots
from jobs.engine.wake import Wake
from jobs.errors import HostPaused, HTTPStatus, Internal
from jobs.imaging.guard import host_of
from jobs.imaging.host_limits import STUCK_SECONDS
from jobs.imaging.pipeline import Pipeline
from jobs.imaging.types import Claim, Evidence, Outcome

logger = logging.getLogger(__name__)

# How often the claimer looks up from claiming: for hung slots, for paused hosts, and whether anything else is due.
ROUND_SECONDS = 0.5
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
# What companions do in one transaction takes less, unless the database is slow.
LEAVING_SECONDS = 0.5
# Of a wake-up's number, which is a process id.
MOST_DIGITS = 20
# Of SHUTDOWN_SECONDS, what is left to record and to hand back what waited for a slow model.
RECORDING_SHARE = 0.2
# How often what is in flight is looked at before the process ends.
POLL_SECONDS = 0.05
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
        moved: MovedJobs,
    ) -> None:
        self._pipeline = pipeline
        self._slots = slots
        self._lanes = lanes
        self._hosts = lanes.limits
        self._gate = gate
        self.wake = Wake(stopping)
        self._looked = looked
        self._meter = make_meter()
        self._heartbeat = Heartbeat(settings.WORKER_THREADS, lambda: pipeline.model.state)
        self.worker_id = self._heartbeat.worker_id
        self._heartbeat_thread = threading.Thread(target=self._beat, name=f"heartbeat-{self.worker_id}", daemon=True)
        self._moved = moved
        self._recorder = Recorder(
            self.worker_id,
            on_recorded=self._recorded,
            on_moved=self._moved.add,
            on_lost=self.wake.lose,
            meter=self._meter,
        )
        self._companions: list[Beside] = [
            make(self.worker_id) for make in (Retention, PhotoRetention, *companions, *in_every_engine)
        ]
        # Claimed and not yet recorded.
        self.in_flight: set[Claim] = set()
        self._claimed_at = 0.0
        # Whether the last claim got as many images as it asked for.
        self._found_all = False
        self._housekeeping = Housekeeping(self.worker_id, moved, self._meter)
        self._shared_hosts = SharedHosts(self.worker_id, lanes)
        self._photo_room = PhotoRoom(pipeline.keeper)
        self._poll = pace.Turn()
        # Whether all others are to be woken, should there be more work than this worker can take; and from when on it
        # may wake them without having looked.
        self._tells_all = False
        self._telling = pace.Turn()

    def run(self) -> None:
        """Claim and hand out until stopped, then drain. Raises what ended the epoch early."""
        logger.info("worker started", extra={"worker": self.worker_id, "slots": settings.WORKER_THREADS})
        self._recorder.start()
        self._heartbeat_thread.start()
        for each in self._companions:
            each.start()
        drained = False
        try:
            while not self.wake.is_stopping:
                self._housekeep()
                self._report_overdue()
                self._claim_until(min(monotonic() + ROUND_SECONDS, self._housekeeping.at))
            self._leave_companions()
            self._drain()
            drained = True
        finally:
            self.wake.end()
            # Where the epoch was lost, so is what no slot has begun: a living worker will claim it again.
            self._empty_slots(seconds=0)
            self._recorder.close(seconds=0)
            self._leave_companions()
            self._heartbeat_thread.join()
            until = monotonic() + LEAVING_SECONDS
            for each in self._companions:
                each.join(max(0.0, until - monotonic()))
            if drained:
                self._announce(self._moved.take_all())
                self._heartbeat.leave()
            self._heartbeat.close()
            connections.close_all()
        logger.info("worker left", extra={"worker": self.worker_id})

    def _housekeep(self) -> None:
        """Do for all workers what is this one's turn, and agree with them on hosts."""
        try:
            if ready := self._housekeeping.do_if_due():
                self.wake.expect_work()
                if self._slots.room < max(ready, self._slots.refill_at):
                    self._hint(wake_up)
            if self.in_flight or self._lanes.hold_any:
                self._shared_hosts.agree()
            self._photo_room.look_if_due()
        except DatabaseError as error:
            if not is_transient(error):
                raise
            logger.warning("housekeeping again", extra={"worker": self.worker_id, "error": str(error).strip()})

    def _report_overdue(self) -> None:
        """Log where a hung slot hangs: nothing can free its thread but the end of the process."""
        seconds = settings.FETCH_DEADLINE_SECONDS + OVERDUE_SECONDS
        for busy in self._slots.overdue(seconds, self._pipeline.model.is_queueing):
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
        # A wake-up may get lost with its connection; and a host that others hold back for may have room by now.
        if self._gate.is_open and (self._poll.has_come or self._lanes.hold_any):
            self._poll.put_off(pace.between_polls())
            self.wake.expect_work()
        while not self.wake.is_stopping:
            self.wake.raise_lost()
            is_open = self._gate.is_open
            if is_open:
                self._count_refusals(MOST_UNRECORDED - len(self.in_flight))
            room = min(self._slots.room, self._slots.size + MOST_UNRECORDED - len(self.in_flight))
            enough = self._slots.refill_at
            if (most := self._pipeline.model.most_claims) is not None:
                # It is away: no image could ask it, or a single one shall.
                room, enough = min(room, most), 1
            if room >= enough and self.wake.expects_work:
                self.wake.looking()
                if look := self._gate.look():
                    self._look(look, room, deadline)
                    # Slots that always wait for a slow database must not keep this worker from its housekeeping.
                    if monotonic() < deadline:
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
        # What is heard from here on came after this look.
        tells_all, self._tells_all = self._tells_all, False

        def claim() -> list[Claim]:
            self._shared_hosts.share_pauses()
            if not self._found_all and not self._lanes.hold_any:
                # Wake-ups come to all workers, for images that one of them takes.
                may_claim, hosts = queue.glance()
                if not may_claim:
                    return []
                if hosts and not self.in_flight:
                    # Nothing was heard of hosts while there was nothing to do.
                    self._shared_hosts.agree()
                # What others hold at this moment may be free by the next round.
                self._poll.put_off(ROUND_SECONDS)
            return queue.claim(self.worker_id, limit, in_flight=self.in_flight.copy(), lanes=self._lanes)

        claims = self._try_to_claim(claim)
        self._found_all = claims is not None and len(claims) == limit
        if tells_all and (self._found_all or self._lanes.hold_any):
            self._hint(lambda: wake_listeners(everyone=True))
        return claims

    def _hint(self, wake: Callable[[], None]) -> None:
        """Wake others, which is not worth an epoch: if the connection is lost, what comes next says so."""
        try:
            wake()
        except DatabaseError as error:
            logger.warning("nobody woken", extra={"worker": self.worker_id, "error": str(error).strip()})

    def _try_to_claim(self, claim: Callable[[], list[Claim]]) -> list[Claim] | None:
        """What was claimed; None where the moment was wrong."""
        begun = monotonic()
        try:
            claims = claim()
        except DatabaseError as error:
            if not is_transient(error):
                raise
            logger.warning("claiming again", extra={"worker": self.worker_id, "error": str(error).strip()})
            self._poll.put_off(ROUND_SECONDS)
            return None
        self._meter.claimed(monotonic() - begun)
        return claims

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
        if claims:
            self._pipeline.model.claimed()
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
                if heard := self._heartbeat.wait(LISTEN_SECONDS):
                    self._hear(heard)
                self._leave_to_others()
                self._announce(self._moved.take())
        except BaseException as error:  # noqa: BLE001 - the claimer must learn of any of them
            self.wake.lose(error)

    def _hear(self, wake_ups: Sequence[str]) -> None:
        """Look for work, if it is this worker's turn."""
        number = wake_ups[-1]
        # Anything else comes from another version.
        if EVERYONE not in wake_ups and number.isdecimal() and len(number) < MOST_DIGITS:
            seconds = pace.until_look(int(number), self._housekeeping.place, self._housekeeping.living)
            if seconds is None:
                return
            self.wake.rest(seconds)
            self._tells_all = self._housekeeping.living > pace.LOOKERS
        self.wake.work_came()

    def _leave_to_others(self) -> None:
        """Wake all others, where this worker has no room to look itself; a few times a second at most."""
        if self._tells_all and self._slots.room < self._slots.refill_at and self._telling.has_come:
            self._tells_all = False
            self._telling.comes_in(LISTEN_SECONDS)
            self._heartbeat.wake_everyone()

    def _announce(self, job_ids: set[int]) -> None:
        """What cannot be announced now is announced with the next ones, by the next epoch if need be."""
        if job_ids and not self._heartbeat.announce(job_ids):
            self._moved.add(job_ids)

    def _leave_companions(self) -> None:
        for each in self._companions:
            each.leave()

    def _empty_slots(self, seconds: float) -> None:
        for claim in self._slots.empty(seconds):
            self._hosts.released(claim.host, claim.image_id)

    def leave_with(self, suspects: Collection[Claim], seconds: float) -> None:
        """Before the process ends without a drain: hand back all that is in flight but the suspects.

        What will have been recorded within `seconds` is waited for. May be called by any thread. Raises DatabaseError.
        """
        held = set(suspects)
        until = monotonic() + seconds
        while (others := self.in_flight.copy() - held) and monotonic() < until:
            time.sleep(POLL_SECONDS)
        released = queue.release(self.worker_id, list(others))
        logger.warning("claims released", extra={"worker": self.worker_id, "released": released.images})

    def _drain(self) -> None:
        """Let the slots finish for SHUTDOWN_SECONDS, record what they found, hand the rest back."""
        deadline = monotonic() + settings.SHUTDOWN_SECONDS
        self._pipeline.model.drain(settings.SHUTDOWN_SECONDS * (1 - RECORDING_SHARE))
        self._empty_slots(settings.SHUTDOWN_SECONDS)
        self._recorder.close(seconds=max(1.0, deadline - monotonic()))
        released = queue.release(self.worker_id, list(self.in_flight))
        self._moved.add(released.moved_jobs)
        if released.images:
            logger.info("claims released", extra={"worker": self.worker_id, "released": released.images})
            self._hint(wake_up)
