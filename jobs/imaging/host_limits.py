"""How many images of each photo host may be in flight at once: learned from its answers, without a setting.

A host is a name and a port. Four rules, and all of them are here and in `host.py`:

- **Window.** A host begins with a few slots. Each answer adds one until the host has refused for the first time (so
  the window doubles every round); a refusal halves it, and from then on it grows by one a round. That is congestion
  control as TCP has it (RFC 5681). What counts as a refusal, `ImageError.is_refusal` says.
- **Share.** While several hosts have work, each has at most its part of the slots, by how soon it gives them back: a
  host that takes twice as long as another has a quarter of its part. What nobody else can use, it may have.
- **Strangers.** Hosts that have not answered since they were first seen, or last paused, share a bounded part of the
  slots, of which one job has at most half of what the others leave. A thousand silent names hold no more than that;
  nor do a thousand that have answered once and are silent by now.
- **Pause.** A host that refuses several different images in a row gets no request until its pause is over, then a
  single one, the probe. Each refused probe makes the next pause longer. Meanwhile its images wait and lose no attempt.

Nothing here knows of threads, sockets or tables: what happens is reported to it, and so is the time.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from enum import Enum, auto
from math import inf
from time import monotonic
from typing import Self

from django.conf import settings

from jobs.errors import ImageError
from jobs.imaging.host import Blame, Flight, Host, smooth
from jobs.imaging.host_pauses import HostPauses
from jobs.imaging.host_shares import fair_shares

# A host that has not answered for so long has its images wait out of the way of others; before, they may stay.
STUCK_SECONDS = 0.2
# While a quarter of the slots wait in vain, a host counts as a stranger unless it has answered within this time.
RECENT_SECONDS = 10.0
# A host whose downloads take this long is slow: even alone, it leaves a few slots to whoever comes next.
SLOW_SECONDS = 1.0
# How long shares are kept where nothing happens; and never are they worked out for more than a twentieth of the time.
SHARE_SECONDS = 0.005
SHARE_COSTS = 20


class Admission(Enum):
    """Whether an image may begin, and if not, what it has to wait for."""

    BEGINS = auto()
    HOST_BUSY = auto()
    STRANGERS_BUSY = auto()


class HostLimits(HostPauses):
    """The limits of one process, which may be used by many threads.

    `slots` work at a time, and up to `size` images may be in flight, those that wait for a slot included. `per_host`
    is a person's own cap on one host, 0 for none. For `patience` seconds the refusals of a host cost its images no
    attempt; 0 lets every refusal cost one, and pauses nobody. `clock` gives seconds that only rise.
    """

    def __init__(
        self,
        slots: int,
        size: int | None = None,
        *,
        per_host: int = 0,
        patience: float = 120.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        # `few` is also what slow hosts leave to others.
        super().__init__(max(1, slots // 8), patience, clock)
        self._slots = slots
        self._size = size or slots
        self._per_host = per_host or inf
        # The hosts that have images in flight.
        self._flying: dict[str, Host] = {}
        # Images in flight whose host had not answered when they began, by job, and when each of them began.
        self._strangers: Counter[int] = Counter()
        self._strangers_began: dict[tuple[str, int], float] = {}
        self._model_seconds = 0.0
        # What each host at work may have of the slots, and what it was worked out from.
        self._shares: dict[str, float] = {}
        self._shares_of: tuple[int, float, float] = (-1, 0.0, 0.0)
        # Counts what may change a share.
        self._events = 0
        # Hosts known to have images that wait; whoever keeps lanes puts its own mapping here.
        self.waiting: Mapping[str, None] = {}

    @classmethod
    def from_settings(cls, slots: int, size: int) -> Self:
        return cls(slots, size, per_host=settings.FETCH_PER_HOST, patience=settings.HOST_PATIENCE_SECONDS)

    # ---- asked by the claimer

    def begin(self, host: str, image: int, job: int, *, leftover: bool = False) -> Admission:
        """Let an image begin if its host may have one more; `leftover`: also beyond its share, nobody else being there.

        An empty host is that of a URL which the guard refuses: it asks nobody, and fails at once.
        """
        with self._lock:
            if not host:
                return Admission.BEGINS
            entry = self._host(host)
            if self._room(entry, leftover) < 1:
                return Admission.HOST_BUSY
            if self._is_stranger(entry) and self._room_for_strangers(job) < 1:
                return Admission.STRANGERS_BUSY
            self._begin(entry, image, job)
            return Admission.BEGINS

    def room(self, host: str, *, leftover: bool = False) -> int:
        """How many images of the host could begin now, as far as its own limits go."""
        with self._lock:
            entry = self._hosts.get(host)
            return self._few if entry is None else self._room(entry, leftover)

    def load(self, host: str, more: int = 0) -> float:
        """How much of its share a host has in flight, with so many `more`: who has least of it comes first."""
        with self._lock:
            entry = self._hosts.get(host)
            if entry is None:
                return float(more)
            share = self._share(entry) if entry.has_answered else self._few
            return (len(entry.flights) + more) / max(share, 1.0)

    def room_for_strangers(self, job: int) -> int:
        """How many images of this job could begin now whose hosts have not answered."""
        with self._lock:
            return self._room_for_strangers(job)

    def is_stranger(self, host: str) -> bool:
        """Whether the host has not answered since it was first seen, or last paused."""
        with self._lock:
            entry = self._hosts.get(host)
            return entry is None or self._is_stranger(entry)

    def is_stuck(self, host: str, admission: Admission) -> bool:
        """Whether an image that may not begin for this reason has to wait for longer than for the next answer."""
        with self._lock:
            now = self._clock()
            if admission is Admission.STRANGERS_BUSY:
                # In the order in which they began.
                began = next(iter(self._strangers_began.values()), now)
                return now - began > STUCK_SECONDS
            entry = self._hosts.get(host)
            if entry is None:
                return False
            # Where the host has never refused and answers quickly, the next answer raises its window. It has been
            # silent since its last answer, or since the first of what it was asked after that.
            heard = max(entry.answered_at, next(iter(list(entry.unanswered.values())), -inf))
            return (
                entry.pause is not None
                or entry.threshold < inf
                or len(entry.flights) < int(entry.window)
                or len(entry.flights) >= self._per_host
                or now - heard > STUCK_SECONDS
            )

    def begin_probe(self, host: str, image: int, job: int) -> None:
        """Let one image of a paused host begin: it tries whether the host has recovered."""
        with self._lock:
            entry = self._host(host)
            if entry.pause is not None:
                entry.probe = image
            self._begin(entry, image, job)

    def next_opening(self) -> float:
        """Seconds until a host that is held, paced or paused may be tried; infinity where there is none."""
        with self._lock:
            now = self._clock()
            moments = (entry.opens_at(self._model_seconds) - now for entry in self._troubled.values())
            return min((seconds for seconds in moments if seconds > 0), default=inf)

    # ---- reported by the slots

    def fetched(self, host: str, image: int) -> None:
        """An image's download is complete; the model step comes next."""
        entry = self._hosts.get(host)
        if entry is None or (flight := entry.flights.get(image)) is None:
            return
        if self._is_at_its_best(entry) and not flight.is_stranger:
            # Nothing to decide, and so no lock to wait for: each of these is one step of one dict. A refusal that comes
            # at this very moment stays in the row, as if it had come a moment later.
            flight.has_answer = True
            entry.unanswered.pop(image, None)
            entry.answers, entry.answered_at = entry.answers + 1, self._clock()
            return
        with self._lock:
            flight.has_answer = True
            self._answered(entry, image, flight)

    def finished(
        self,
        host: str,
        image: int,
        error: ImageError | None,
        *,
        fetch_seconds: float,
        model_seconds: float,
        url: str = "",
    ) -> Blame | None:
        """An image has left its slot. Returns a Blame where its error is the host's and costs no attempt."""
        entry = self._hosts.get(host)
        if entry is None or (flight := entry.flights.get(image)) is None:
            return None
        if flight.has_answer and not flight.is_stranger and self._is_at_its_best(entry) and len(entry.flights) > 1:
            self._took(entry, fetch_seconds, model_seconds)
            entry.flights.pop(image, None)
            self._events += 1
            return None
        with self._lock:
            if entry.flights.get(image) is not flight:
                return None
            try:
                if flight.has_answer:
                    self._took(entry, fetch_seconds, model_seconds)
                    return None
                if error is None:
                    return None
                if error.is_refusal:
                    entry.took(fetch_seconds)
                    return self._refused(entry, image, hash(url) if url else image, error)
                if error.is_answer:
                    entry.took(fetch_seconds)
                    self._answered(entry, image, flight)
                elif entry.probe == image:
                    # It failed otherwise, so the host is not what it was paused for.
                    self._end_pause(entry)
                return None
            finally:
                self._end(entry, image)

    def released(self, host: str, image: int) -> None:
        """An image was handed back without having been tried."""
        with self._lock:
            if (entry := self._hosts.get(host)) is not None and image in entry.flights:
                self._end(entry, image)

    # ---- decided

    def _room(self, entry: Host, leftover: bool) -> int:
        """How many images more the host may have by its own window, the cap, and its share."""
        now = self._clock()
        if entry.pause is not None or entry.held_until > now:
            return 0
        paced = entry.paced_until(self._model_seconds)
        if paced > now:
            return 0
        most = min(entry.window, self._per_host)
        if entry.has_answered:
            most = min(most, self._leftover(entry, now) if leftover else self._share(entry))
        room = int(most + 1e-9) - len(entry.flights)
        return room if paced == -inf else min(room, 1)

    def _room_for_strangers(self, job: int) -> int:
        """Half of what the strangers of other jobs leave, so that there is something left for one job more."""
        has_others = any(entry.has_answered and entry.flights for entry in self._flying.values())
        part = max(1, self._slots // 2 if has_others else self._slots * 3 // 4)
        return (part - self._strangers.total() - self._strangers[job] + 1) // 2

    def _is_at_its_best(self, entry: Host) -> bool:
        """Whether another answer changes nothing for the host."""
        return entry.has_answered and entry.pause is None and not entry.refusals_in_row and entry.window >= self._size

    def _is_stranger(self, entry: Host) -> bool:
        if not entry.has_answered:
            return True
        now = self._clock()
        return now - entry.answered_at > RECENT_SECONDS and self._stalled(now) >= max(1, self._slots // 4)

    def _stalled(self, now: float) -> int:
        """How many images in flight have waited for an answer for long."""
        return sum(
            now - began > SLOW_SECONDS for entry in self._flying.values() for began in list(entry.unanswered.values())
        )

    def _share(self, entry: Host) -> float:
        """The host's part of what may be in flight, at least 1."""
        now = self._clock()
        events, at, cost = self._shares_of
        is_fresh = events == self._events and now - at <= SHARE_SECONDS
        if not is_fresh and now - at >= SHARE_COSTS * cost:
            self._shares = self._work_out_shares(now)
            self._shares_of = self._events, now, self._clock() - now
        share = self._shares.get(entry.name)
        if share is None:
            # It has begun to work since: until they are worked out anew, it has what an average host has.
            share = self._size / (len(self._shares) + 1)
        return max(1.0, share)

    def _work_out_shares(self, now: float) -> dict[str, float]:
        working = {name: entry for name, entry in self._flying.items() if entry.has_answered and entry.flights}
        for name in self.waiting:
            if (entry := self._hosts.get(name)) is not None and entry.has_answered:
                working[name] = entry
        if len(working) == 1:
            (entry,) = working.values()
            return {entry.name: self._leftover(entry, now)}
        return fair_shares(working.values(), float(self._size), self._model_seconds, now)

    def _leftover(self, entry: Host, now: float) -> float:
        """What the host may have in flight if nobody else wants it: all, but a few slots where it is slow."""
        if entry.seconds(now) < SLOW_SECONDS:
            return self._size
        others = sum(
            len(each.flights)
            for each in self._flying.values()
            if each is not entry and (not each.has_answered or each.seconds(now) >= SLOW_SECONDS)
        )
        return max(1, self._slots - self._few - others)

    # ---- kept

    def _begin(self, entry: Host, image: int, job: int) -> None:
        now = self._clock()
        if (old := entry.flights.get(image)) is not None:
            # An earlier claim's, lost with its epoch; its slot may still be at it.
            self._stranger_no_more(entry, image, old)
        if not entry.flights:
            self._events += 1
            self._flying[entry.name] = entry
        flight = entry.flights[image] = Flight(job, now, self._is_stranger(entry))
        entry.unanswered[image] = entry.used = entry.began_at = now
        if flight.is_stranger:
            self._strangers[job] += 1
            self._strangers_began[entry.name, image] = now

    def _end(self, entry: Host, image: int) -> None:
        self._events += 1
        self._stranger_no_more(entry, image, entry.flights.pop(image))
        entry.unanswered.pop(image, None)
        entry.used = self._clock()
        if not entry.flights:
            self._flying.pop(entry.name, None)
        if entry.probe == image:
            entry.probe = None

    def _stranger_no_more(self, entry: Host, image: int, flight: Flight) -> None:
        if flight.is_stranger:
            flight.is_stranger = False
            self._strangers_began.pop((entry.name, image), None)
            self._strangers[flight.job] -= 1
            if not self._strangers[flight.job]:
                del self._strangers[flight.job]

    def _took(self, entry: Host, fetch_seconds: float, model_seconds: float) -> None:
        self._model_seconds = smooth(self._model_seconds, model_seconds)
        entry.took(fetch_seconds)
        entry.used = self._clock()

    def _answered(self, entry: Host, image: int, flight: Flight) -> None:
        self._events += 1
        self._stranger_no_more(entry, image, flight)
        if entry.answered(image, self._clock(), self._size):
            self._note_recovery(entry)

    def _refused(self, entry: Host, image: int, subject: int, error: ImageError) -> Blame | None:
        now, before = self._clock(), entry.pause
        blame = entry.refused(image, subject, error, now, patience=self._patience, few=self._few)
        self._note_refusal(entry, before, now)
        return blame


class NoLimits(HostLimits):
    """Lets every image begin and learns nothing: for callers that want the first in rank, whoever their hosts are."""

    def __init__(self) -> None:
        super().__init__(1)

    def begin(self, host: str, image: int, job: int, *, leftover: bool = False) -> Admission:
        """Yes."""
        return Admission.BEGINS
