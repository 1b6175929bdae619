"""How many images of each photo host may be in flight at once: learned from its answers, without a setting.

A host is a name and a port. There are four rules:

- **Window** (`host.py`). A host begins with a few slots. Each answer adds one until the host refuses for the first
  time, so the window doubles every round; a refusal halves it, and from then on it grows by one a round. This is TCP's
  congestion control (RFC 5681). `ImageError.is_refusal` says what counts as a refusal.
- **Share** (`host_shares.py`). While several hosts have work, each has at most its part of the slots, by how soon it
  gives them back: a host that takes twice as long as another has a quarter of its part. A host may also have what no
  other can use.
- **Strangers** (`host_strangers.py`). Hosts that have not answered since they were first seen, or last paused, share a
  bounded part of the slots; one job has at most half of what the others leave of it. A thousand silent names hold no
  more than that, nor do a thousand that answered once and have fallen silent since.
- **Pause** (`host.py`, `host_pauses.py`). A host that refuses several different images in a row gets no request until
  its pause is over, then a single one, the probe. Each refused probe makes the next pause longer. Meanwhile its images
  wait and lose no attempt.

Nothing here starts threads, opens sockets or reads tables: events are reported to it, together with the time.
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from math import inf
from time import monotonic
from typing import Self

from django.conf import settings

from jobs.errors import ImageError
from jobs.imaging.host import Blame, Flight, Host, smooth
from jobs.imaging.host_pauses import HostPauses
from jobs.imaging.host_shares import SLOW_SECONDS, HostShares
from jobs.imaging.host_strangers import Strangers

# Once a host has not answered for this long, its images are moved aside so that others can begin.
STUCK_SECONDS = 0.2
# While a quarter of the slots wait for silent hosts, a host is a stranger unless it has answered within this time.
RECENT_SECONDS = 10.0


class Admission(Enum):
    """Whether an image may begin, and if not, what it has to wait for."""

    BEGINS = auto()
    HOST_BUSY = auto()
    STRANGERS_BUSY = auto()


class HostLimits(HostPauses):
    """The limits of one process; many threads may use them.

    `slots` is the number of worker slots; up to `size` images may be in flight, including those that wait for a slot.
    `per_host` is the operator's own cap on one host, 0 for none. For `patience` seconds the refusals of a host cost its
    images no attempt; with 0 every refusal costs one, and no host is paused. `clock` gives monotonic seconds.
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
        super().__init__(max(1, slots // 8), patience, clock)
        self._slots = slots
        self._size = size or slots
        self._per_host = per_host or inf
        # The hosts that have images in flight.
        self._busy: dict[str, Host] = {}
        self._strangers = Strangers(slots)
        self._shares = HostShares(self._hosts, self._busy, slots=slots, size=self._size, few=self._few, clock=clock)
        self._model_seconds = 0.0
        # The hosts that have images waiting in a lane; `Lanes` puts its own mapping here.
        self.waiting: Mapping[str, None] = {}

    @classmethod
    def from_settings(cls, slots: int, size: int) -> Self:
        return cls(slots, size, per_host=settings.FETCH_PER_HOST, patience=settings.HOST_PATIENCE_SECONDS)

    # ---- called by the claimer

    def begin(self, host: str, image: int, job: int, *, leftover: bool = False) -> Admission:
        """Let an image begin if its host may have one more; with `leftover` also beyond its share, as no other host
        has work.

        The host is empty for a URL that the guard refuses: it is never requested, and fails at once.
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
        """How much of its share a host has in flight, with `more` images added; the lowest load is next."""
        with self._lock:
            entry = self._hosts.get(host)
            if entry is None:
                return float(more)
            share = self._share(entry) if entry.has_answered else self._few
            return (len(entry.flights) + more) / max(share, 1.0)

    def room_for_strangers(self, job: int) -> int:
        """How many more images of this job could begin now at hosts that are strangers."""
        with self._lock:
            return self._room_for_strangers(job)

    def is_stranger(self, host: str) -> bool:
        """Whether the host has not answered since it was first seen, or last paused."""
        with self._lock:
            entry = self._hosts.get(host)
            return entry is None or self._is_stranger(entry)

    def is_stuck(self, host: str, admission: Admission) -> bool:
        """Whether an image refused with this `admission` must wait for more than the next answer."""
        with self._lock:
            now = self._clock()
            if admission is Admission.STRANGERS_BUSY:
                return self._strangers.oldest(now) > STUCK_SECONDS
            entry = self._hosts.get(host)
            if entry is None:
                return False
            # If the host has never refused and answers quickly, its next answer raises the window. It has been silent
            # since its last answer, or since the first request after that answer.
            heard = max(entry.answered_at, next(iter(list(entry.unanswered.values())), -inf))
            return (
                entry.pause is not None
                or entry.threshold < inf
                or len(entry.flights) < int(entry.window)
                or len(entry.flights) >= self._per_host
                or now - heard > STUCK_SECONDS
            )

    def begin_probe(self, host: str, image: int, job: int) -> None:
        """Let one image of a paused host begin, to find out whether the host has recovered."""
        with self._lock:
            entry = self._host(host)
            if entry.pause is not None:
                entry.probe = image
            self._begin(entry, image, job)

    def next_opening(self) -> float:
        """Seconds until the next host that is held, paced or paused may be tried; infinity where there is none."""
        with self._lock:
            now = self._clock()
            moments = (entry.opens_at(self._model_seconds) - now for entry in self._refusers.values())
            return min((seconds for seconds in moments if seconds > 0), default=inf)

    # ---- reported by the slots

    def fetched(self, host: str, image: int) -> None:
        """An image's download is complete; the model step comes next."""
        entry = self._hosts.get(host)
        if entry is None or (flight := entry.flights.get(image)) is None:
            return
        if self._is_fully_open(entry) and not flight.is_stranger:
            # Nothing to decide, so the lock is not needed: each line is one atomic operation of a dict. A refusal that
            # arrives at the same moment still counts as one in a row, as if it had arrived a moment later.
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
        if flight.has_answer and not flight.is_stranger and self._is_fully_open(entry) and len(entry.flights) > 1:
            self._record_times(entry, fetch_seconds, model_seconds)
            entry.flights.pop(image, None)
            self._shares.events += 1
            return None
        with self._lock:
            if entry.flights.get(image) is not flight:
                return None
            try:
                if flight.has_answer:
                    self._record_times(entry, fetch_seconds, model_seconds)
                    return None
                if error is None:
                    return None
                if error.is_refusal:
                    entry.record_fetch(fetch_seconds)
                    return self._refused(entry, image, hash(url) if url else image, error)
                if error.is_answer:
                    entry.record_fetch(fetch_seconds)
                    self._answered(entry, image, flight)
                elif entry.probe == image:
                    # The probe failed for another reason, so what the host was paused for is over.
                    self._end_pause(entry)
                return None
            finally:
                self._end(entry, image)

    def released(self, host: str, image: int) -> None:
        """An image was released without having been tried."""
        with self._lock:
            if (entry := self._hosts.get(host)) is not None and image in entry.flights:
                self._end(entry, image)

    # ---- decisions

    def _room(self, entry: Host, leftover: bool) -> int:
        """How many more images the host may have by its window, the cap and its share."""
        now = self._clock()
        if entry.pause is not None or entry.held_until > now:
            return 0
        paced = entry.paced_until(self._model_seconds)
        if paced > now:
            return 0
        most = min(entry.window, self._per_host)
        if entry.has_answered:
            most = min(most, self._shares.leftover(entry, now) if leftover else self._share(entry))
        room = int(most + 1e-9) - len(entry.flights)
        return room if paced == -inf else min(room, 1)

    def _room_for_strangers(self, job: int) -> int:
        has_others = any(entry.has_answered and entry.flights for entry in self._busy.values())
        return self._strangers.room(job, has_others=has_others)

    def _is_fully_open(self, entry: Host) -> bool:
        """Whether the host has the largest window, so that another answer changes nothing for it."""
        return entry.has_answered and entry.pause is None and not entry.refusals_in_row and entry.window >= self._size

    def _is_stranger(self, entry: Host) -> bool:
        if not entry.has_answered:
            return True
        now = self._clock()
        return now - entry.answered_at > RECENT_SECONDS and self._stalled(now) >= max(1, self._slots // 4)

    def _stalled(self, now: float) -> int:
        """How many images in flight have waited for an answer for more than SLOW_SECONDS."""
        return sum(
            now - began > SLOW_SECONDS for entry in self._busy.values() for began in list(entry.unanswered.values())
        )

    def _share(self, entry: Host) -> float:
        return self._shares.share(entry, self.waiting, self._model_seconds)

    # ---- bookkeeping

    def _begin(self, entry: Host, image: int, job: int) -> None:
        now = self._clock()
        if (old := entry.flights.get(image)) is not None:
            # Of an earlier claim, which was lost with its epoch; its slot may still be working on it.
            self._end_stranger(entry, image, old)
        if not entry.flights:
            self._shares.events += 1
            self._busy[entry.name] = entry
        flight = entry.flights[image] = Flight(job, now, self._is_stranger(entry))
        entry.unanswered[image] = entry.used = entry.began_at = now
        if flight.is_stranger:
            self._strangers.add(entry.name, image, job, now)

    def _end(self, entry: Host, image: int) -> None:
        self._shares.events += 1
        self._end_stranger(entry, image, entry.flights.pop(image))
        entry.unanswered.pop(image, None)
        entry.used = self._clock()
        if not entry.flights:
            self._busy.pop(entry.name, None)
        if entry.probe == image:
            entry.probe = None

    def _end_stranger(self, entry: Host, image: int, flight: Flight) -> None:
        if flight.is_stranger:
            flight.is_stranger = False
            self._strangers.remove(entry.name, image, flight.job)

    def _record_times(self, entry: Host, fetch_seconds: float, model_seconds: float) -> None:
        self._model_seconds = smooth(self._model_seconds, model_seconds)
        entry.record_fetch(fetch_seconds)
        entry.used = self._clock()

    def _answered(self, entry: Host, image: int, flight: Flight) -> None:
        self._shares.events += 1
        self._end_stranger(entry, image, flight)
        if entry.answered(image, self._clock(), self._size):
            self._note_recovery(entry)

    def _refused(self, entry: Host, image: int, subject: int, error: ImageError) -> Blame | None:
        now, before = self._clock(), entry.pause
        blame = entry.refused(image, subject, error, now, patience=self._patience, few=self._few)
        self._note_refusal(entry, before, now)
        return blame


class NoLimits(HostLimits):
    """Lets every image begin and learns nothing: for callers that want the first in rank, whatever the host."""

    def __init__(self) -> None:
        super().__init__(1)

    def begin(self, host: str, image: int, job: int, *, leftover: bool = False) -> Admission:
        """Always BEGINS."""
        return Admission.BEGINS
