"""How many images of each photo host may be in flight at once: learned from its answers, without a setting.

A host is a name and a port. Four rules, and all of them are here:

- **Window.** A host begins with a few slots. Each answer adds one until the host has refused for the first time (so
  the window doubles every round); a refusal halves it, and from then on it grows by one a round. That is congestion
  control as TCP has it (RFC 5681). What counts as a refusal, `ImageError.is_refusal` says.
- **Share.** While several hosts have work, each has at most its part of the slots, by how soon it gives them back: a
  host that takes twice as long as another has a quarter of its part. What nobody else can use, it may have.
- **Strangers.** Hosts that have not answered since they were first seen, or last paused, share a bounded part of the
  slots, of which one job has at most half of what the others leave. A thousand silent names hold no more than that;
  nor do a thousand that have answered once and are silent by now.
- **Pause.** A host that refuses SEVERAL different images in a row gets no request until its pause is over, then a
  single one, the probe. Each refused probe makes the next pause longer. Meanwhile its images wait and lose no attempt.

Nothing here knows of threads, sockets or tables: what happens is reported to it, and so is the time.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from math import inf
from time import monotonic
from typing import Self

from django.conf import settings

from jobs.errors import ImageError

# So many different images make it the host's trouble and not an image's.
SEVERAL = 3
# For so long a refusal counts towards them.
REMEMBERED_SECONDS = 30.0
# An image that is refused again although its host has answered so many others meanwhile, and many more than it has
# refused, is in trouble of its own once that has happened REPEATS times.
ANSWERS_BETWEEN = 8
ANSWERS_PER_REFUSAL = 4
REPEATS = 2
# A host that has refused is left alone for a moment, twice as long after each further refusal in a row.
HOLD_SECONDS = 0.05, 1.0
# Up to this window, a host that has ever refused is asked at even intervals instead of in bursts.
PACED_WINDOW = 8
# The first pause, and the longest that grows by itself; `Retry-After` may ask for more.
PAUSE_SECONDS = 0.5, 30.0
LONGEST_PAUSE_SECONDS = 60.0
# A host that has not answered for so long has its images wait out of the way of others; before, they may stay.
STUCK_SECONDS = 0.2
# While a quarter of the slots wait in vain, only hosts that have answered since so long ago are no strangers.
RECENT_SECONDS = 10.0
# From here on a host is slow: even alone, it leaves a few slots to whoever comes next.
SLOW_SECONDS = 1.0
# Faster than this is no faster: where there is no model step, noise would decide.
LEAST_SECONDS = 0.05
# A share holds for so long where nothing happens.
SHARE_SECONDS = 0.005
# What one measurement weighs against all before it.
SMOOTHING = 0.1
# Hosts remembered at most; idle ones are forgotten first.
MOST_HOSTS = 4_096


class Verdict(Enum):
    """Whether an image may begin, and if not, what it has to wait for."""

    BEGINS = auto()
    HOST_BUSY = auto()
    STRANGERS_BUSY = auto()


@dataclass(slots=True)
class Pause:
    """A host gets no request until `until`. Times are the clock's; `since` is that of the first refusal."""

    until: float
    since: float
    code: str
    message: str
    number: int = 1
    """1 for the first pause since the host has answered."""
    probe: int | None = None
    """The image in flight that tries whether the host has recovered."""
    is_shared: bool = False
    """Whether the other processes know of it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The host is to blame for an image's failure, so it costs no attempt; where it `is_paused`, the image waits."""

    host: str
    is_paused: bool


@dataclass(slots=True)
class _Flight:
    """An image in flight since `began`; `has_answer` from the moment when its download was complete."""

    job: int
    began: float
    is_stranger: bool
    has_answer: bool = False


@dataclass(slots=True)
class _Offence:
    """An image's last refusal: when, after how many answers and refusals of its host.

    `repeats` is how often the host had answered many others since the refusal before.
    """

    at: float
    answers: int
    refusals: int
    repeats: int = 0
    is_alone: bool = False
    """Whether no other image was refused since its last refusal."""


@dataclass(slots=True, eq=False)
class _Host:
    window: float
    used: float
    threshold: float = inf
    """The window up to which every answer adds one."""
    has_answered: bool = False
    answered: float = -inf
    """When it has last answered."""
    answers: int = 0
    all_refusals: int = 0
    fetch_seconds: float = 0.0
    flights: dict[int, _Flight] = field(default_factory=dict)
    unanswered: dict[int, float] = field(default_factory=dict)
    """Those of the flights whose download is not complete, and when they began."""
    refused: dict[int, _Offence] = field(default_factory=dict)
    in_a_row: set[int] = field(default_factory=set)
    """The images refused since the last answer."""
    refusals: int = 0
    """How many refusals since the last answer."""
    since: float = 0.0
    """When the first of them came."""
    began: float = -inf
    """When its last image began."""
    halved: float = -inf
    held_until: float = -inf
    retry_at: float = -inf
    """The latest moment that a Retry-After since the last answer has asked for."""
    pause: Pause | None = None
    most: dict[bool, tuple[int, float, float]] = field(default_factory=dict)
    """What it may have in flight, beyond its share and within: after how many events and when that was found out."""

    def seconds(self, now: float) -> float:
        """What a download takes; that of silent ones shows before they end."""
        if not self.unanswered:
            return self.fetch_seconds
        began = list(self.unanswered.values())
        return max(self.fetch_seconds, (now * len(began) - sum(began)) / max(len(self.flights), 1))


class HostLimits:
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
        self._slots = slots
        self._size = size or slots
        self._per_host = per_host or inf
        self._patience = patience
        self._clock = clock
        # What a host begins with, and what slow ones leave to others.
        self._few = max(1, slots // 8)
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}
        # Images in flight whose host had not answered when they began, by job.
        self._strangers: Counter[int] = Counter()
        self._model_seconds = 0.0
        # Counts what may change a share.
        self._events = 0
        # Hosts known to have images that wait; whoever keeps lanes puts its own mapping here.
        self.waiting: Mapping[str, None] = {}
        # Hosts whose pauses have begun, grown or ended here, and that the other processes do not know of.
        self._changed: set[str] = set()
        # Hosts whose probe was refused after their patience had ended: that refusal counts for all that wait.
        self._exhausted: dict[str, Pause] = {}

    @classmethod
    def from_settings(cls, slots: int, size: int) -> Self:
        return cls(slots, size, per_host=settings.FETCH_PER_HOST, patience=settings.HOST_PATIENCE_SECONDS)

    # ---- asked by the claimer

    def begin(self, host: str, image: int, job: int, *, leftover: bool = False) -> Verdict:
        """Let an image begin if its host may have one more; `leftover`: also beyond its share, nobody else being there.

        A URL without a host fails by itself, at once.
        """
        with self._lock:
            if not host:
                return Verdict.BEGINS
            entry = self._host(host)
            if self._room(entry, leftover) < 1:
                return Verdict.HOST_BUSY
            if self._is_stranger(entry) and self._room_for_strangers(job) < 1:
                return Verdict.STRANGERS_BUSY
            self._begin(entry, image, job)
            return Verdict.BEGINS

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
            share = self._most(entry, False, self._clock()) if entry.has_answered else self._few
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

    def is_stuck(self, host: str, verdict: Verdict) -> bool:
        """Whether an image that may not begin for this reason has to wait for longer than for the next answer."""
        with self._lock:
            now = self._clock()
            if verdict is Verdict.STRANGERS_BUSY:
                return any(
                    flight.is_stranger and now - flight.began > STUCK_SECONDS
                    for entry in self._hosts.values()
                    for flight in list(entry.flights.values())
                )
            entry = self._hosts.get(host)
            # Where the host has never refused, the next answer raises its window.
            return entry is not None and (
                entry.pause is not None
                or entry.threshold < inf
                or len(entry.flights) < int(entry.window)
                or len(entry.flights) >= self._per_host
                or any(now - began > STUCK_SECONDS for began in list(entry.unanswered.values()))
            )

    def due(self, most: int) -> list[str]:
        """Paused hosts whose pause is over and that no image of this process is trying.

        Not before the others know how the last one went: they would take a probe of ours for theirs.
        """
        with self._lock:
            now = self._clock()
            due = (
                name
                for name, entry in self._hosts.items()
                if entry.pause is not None
                and entry.pause.probe is None
                and entry.pause.until <= now
                and name not in self._changed
            )
            return [name for name, _ in zip(due, range(most), strict=False)]

    def probes_last(self, host: str) -> bool:
        """Whether the next probe is to be the last image that waits instead of the first.

        Every other time: where the first ones are themselves in trouble, they must not speak for their host.
        """
        with self._lock:
            entry = self._hosts.get(host)
            return entry is not None and entry.pause is not None and entry.pause.number % 2 == 0

    def begin_probe(self, host: str, image: int, job: int) -> None:
        """Let one image of a paused host begin: it tries whether the host has recovered."""
        with self._lock:
            entry = self._host(host)
            if entry.pause is not None:
                entry.pause.probe = image
            self._begin(entry, image, job)

    def resume(self, host: str) -> None:
        """End a pause: nothing waits for the host, or a person says that it has recovered."""
        with self._lock:
            if (entry := self._hosts.get(host)) is not None and entry.pause is not None:
                self._end_pause(host, entry)

    def exhausted(self) -> tuple[str, Pause] | None:
        """A host whose last refusal counts for every image that waits for it, until `counted` is called."""
        with self._lock:
            return next(iter(self._exhausted.items()), None)

    def counted(self, host: str) -> None:
        with self._lock:
            self._exhausted.pop(host, None)

    def next_opening(self) -> float:
        """Seconds until a host that is held or paused may be tried; infinity where there is none."""
        with self._lock:
            now = self._clock()
            moments = [
                entry.pause.until if entry.pause else max(entry.held_until, self._paced_until(entry))
                for entry in self._hosts.values()
            ]
            return min((moment - now for moment in moments if moment > now), default=inf)

    # ---- reported by the slots

    def fetched(self, host: str, image: int) -> None:
        """An image's download is complete; the model step comes next."""
        entry = self._hosts.get(host)
        if entry is not None and self._is_at_its_best(entry):
            flight = entry.flights.get(image)
            if flight is not None and not flight.is_stranger:
                # Nothing to decide, and so no lock to wait for: each of these is one step of one dict.
                flight.has_answer = True
                entry.unanswered.pop(image, None)
                entry.answers, entry.answered = entry.answers + 1, self._clock()
                return
        with self._lock:
            entry = self._hosts.get(host)
            if entry is not None and (flight := entry.flights.get(image)) is not None:
                flight.has_answer = True
                self._answered(host, entry, image, flight)

    def finished(
        self, host: str, image: int, error: ImageError | None, *, fetch_seconds: float, model_seconds: float
    ) -> Refusal | None:
        """An image has left its slot. Returns a Refusal where its error is the host's and costs no attempt."""
        entry = self._hosts.get(host)
        if entry is not None and error is None and self._is_at_its_best(entry):
            flight = entry.flights.get(image)
            if flight is not None and flight.has_answer and not flight.is_stranger:
                self._model_seconds = _smooth(self._model_seconds, model_seconds)
                entry.fetch_seconds = _smooth(entry.fetch_seconds, fetch_seconds)
                entry.flights.pop(image, None)
                entry.used = self._clock()
                self._events += 1
                return None
        with self._lock:
            entry = self._hosts.get(host)
            if entry is None or (flight := entry.flights.get(image)) is None:
                return None
            try:
                if flight.has_answer:
                    self._model_seconds = _smooth(self._model_seconds, model_seconds)
                if flight.has_answer or (error is not None and error.is_refusal):
                    entry.fetch_seconds = _smooth(entry.fetch_seconds, fetch_seconds)
                if error is None or flight.has_answer:
                    return None
                if error.is_refusal:
                    return self._refused(host, entry, image, flight, error)
                if error.is_answer:
                    self._answered(host, entry, image, flight)
                elif entry.pause is not None and entry.pause.probe == image:
                    # It failed otherwise, so the host is not what it was paused for.
                    self._end_pause(host, entry)
                return None
            finally:
                self._end(entry, image)

    def released(self, host: str, image: int) -> None:
        """An image was handed back without having been tried."""
        with self._lock:
            if (entry := self._hosts.get(host)) is not None and image in entry.flights:
                self._end(entry, image)

    # ---- shared by the processes

    def changed_pauses(self) -> dict[str, Pause | None]:
        """The pauses that have begun, grown or ended here and were not `shared` yet; None for those that ended."""
        with self._lock:
            return {name: entry.pause if (entry := self._hosts.get(name)) else None for name in self._changed}

    def shared(self, changed: Mapping[str, Pause | None]) -> None:
        """The other processes have been told of these."""
        with self._lock:
            for name, pause in changed.items():
                if pause is not None:
                    pause.is_shared = True
                # It may have changed again meanwhile.
                if (entry := self._hosts.get(name)) is None or entry.pause is pause:
                    self._changed.discard(name)

    def learn_pauses(self, shared: Mapping[str, Pause]) -> None:
        """Take over the pauses that all processes share; one of them that is gone has ended."""
        with self._lock:
            longest = self._clock() + LONGEST_PAUSE_SECONDS
            for name, entry in self._hosts.items():
                is_known = name in shared or name in self._changed
                if entry.pause is not None and entry.pause.is_shared and not is_known:
                    self._end_pause(name, entry)
                    self._changed.discard(name)
            for name, pause in shared.items():
                if name in self._changed:
                    continue
                entry = self._host(name)
                pause.probe = entry.pause.probe if entry.pause else None
                pause.is_shared = True
                # The database's clock may have been set: nobody is left alone for longer than a host may ask for.
                pause.until = min(pause.until, longest)
                entry.pause, entry.has_answered = pause, False

    # ---- decided

    def _room(self, entry: _Host, leftover: bool) -> int:
        """How many images more the host may have by its own window, the cap, and its share."""
        now = self._clock()
        if entry.pause is not None or max(entry.held_until, self._paced_until(entry)) > now:
            return 0
        most = min(entry.window, self._per_host)
        if entry.has_answered:
            most = min(most, self._most(entry, leftover, now))
        room = int(most + 1e-9) - len(entry.flights)
        return room if self._paced_until(entry) == -inf else min(room, 1)

    def _most(self, entry: _Host, leftover: bool, now: float) -> float:
        """The host's share, or what is left over; one claim asks for it again and again."""
        events, at, most = entry.most.get(leftover, (-1, 0.0, 0.0))
        if events != self._events or now - at > SHARE_SECONDS:
            most = self._leftover(entry, now) if leftover else self._share(entry, now)
            entry.most[leftover] = self._events, now, most
        return most

    def _paced_until(self, entry: _Host) -> float:
        """Until when the host is given no further image, so that a window's images are spread over one round."""
        if entry.threshold == inf or entry.window > PACED_WINDOW:
            return -inf
        return entry.began + (entry.fetch_seconds + self._model_seconds) / entry.window

    def _room_for_strangers(self, job: int) -> int:
        """Half of what the strangers of other jobs leave; so there is always something left for one job more."""
        has_others = any(entry.has_answered and entry.flights for entry in self._hosts.values())
        part = max(1, self._slots // 2 if has_others else self._slots * 3 // 4)
        return (part - self._strangers.total() - self._strangers[job] + 1) // 2

    def _is_at_its_best(self, entry: _Host) -> bool:
        """Whether another answer changes nothing for the host."""
        return entry.has_answered and entry.pause is None and not entry.refusals and entry.window >= self._size

    def _is_stranger(self, entry: _Host) -> bool:
        if not entry.has_answered:
            return True
        now = self._clock()
        return now - entry.answered > RECENT_SECONDS and self._stalled(now) >= max(1, self._slots // 4)

    def _stalled(self, now: float) -> int:
        """How many images in flight have waited for an answer for long."""
        return sum(
            now - began > SLOW_SECONDS for entry in self._hosts.values() for began in list(entry.unanswered.values())
        )

    def _share(self, entry: _Host, now: float) -> float:
        """The host's part of what may be in flight, at least 1: max-min fair by weight, no window exceeded."""
        working = [
            each
            for name, each in self._hosts.items()
            if each.has_answered and (each.flights or each is entry or name in self.waiting)
        ]
        if len(working) == 1:
            return self._leftover(entry, now)
        weights = {id(each): (self._model_seconds + max(each.seconds(now), LEAST_SECONDS)) ** -2 for each in working}
        left, weight = float(self._size), sum(weights.values())
        for each in sorted(working, key=lambda each: each.window / weights[id(each)]):
            part = min(each.window, left * weights[id(each)] / weight)
            if each is entry:
                return max(1.0, part)
            left -= part
            weight -= weights[id(each)]
        return 1.0

    def _leftover(self, entry: _Host, now: float) -> float:
        """What the host may have in flight if nobody else wants it: all, but a few slots where it is slow."""
        if entry.seconds(now) < SLOW_SECONDS:
            return self._size
        others = sum(
            len(each.flights)
            for each in self._hosts.values()
            if each is not entry and each.flights and (not each.has_answered or each.seconds(now) >= SLOW_SECONDS)
        )
        return max(1, self._slots - self._few - others)

    def _host(self, name: str) -> _Host:
        entry = self._hosts.get(name)
        if entry is None:
            if len(self._hosts) >= MOST_HOSTS:
                self._forget()
            entry = self._hosts[name] = _Host(float(self._few), self._clock())
        return entry

    def _forget(self) -> None:
        """Make room for other hosts: a quarter goes, those idle for the longest."""
        idle = [name for name, entry in self._hosts.items() if not entry.flights and entry.pause is None]
        idle.sort(key=lambda name: self._hosts[name].used)
        for name in idle[: MOST_HOSTS // 4]:
            del self._hosts[name]

    def _begin(self, entry: _Host, image: int, job: int) -> None:
        now = self._clock()
        if not entry.flights:
            self._events += 1
        flight = entry.flights[image] = _Flight(job, now, self._is_stranger(entry))
        entry.unanswered[image] = entry.used = entry.began = now
        if flight.is_stranger:
            self._strangers[job] += 1

    def _end(self, entry: _Host, image: int) -> None:
        self._events += 1
        self._stranger_no_more(entry.flights.pop(image))
        entry.unanswered.pop(image, None)
        entry.used = self._clock()
        if entry.pause is not None and entry.pause.probe == image:
            entry.pause.probe = None

    def _stranger_no_more(self, flight: _Flight) -> None:
        if flight.is_stranger:
            flight.is_stranger = False
            self._strangers[flight.job] -= 1
            if not self._strangers[flight.job]:
                del self._strangers[flight.job]

    def _answered(self, name: str, entry: _Host, image: int, flight: _Flight) -> None:
        self._events += 1
        entry.unanswered.pop(image, None)
        self._stranger_no_more(flight)
        entry.answers += 1
        if entry.pause is not None:
            # An answer to what was asked before the pause says nothing of how the host is now.
            if entry.pause.probe != image:
                return
            self._end_pause(name, entry)
        entry.has_answered, entry.answered = True, self._clock()
        if entry.refusals:
            entry.refusals = 0
            entry.in_a_row.clear()
            entry.held_until = entry.retry_at = -inf
        entry.window = min(entry.window + (1 if entry.window < entry.threshold else 1 / entry.window), self._size)

    def _refused(self, name: str, entry: _Host, image: int, flight: _Flight, error: ImageError) -> Refusal | None:
        now = self._clock()
        offence = self._offence(entry, image, now)
        if offence.repeats >= REPEATS and entry.pause is None:
            return None
        if not entry.refusals:
            entry.since = now
        entry.refusals += 1
        entry.in_a_row.add(image)
        if self._patience:
            first, longest = HOLD_SECONDS
            entry.held_until = now + min(first * 2 ** min(entry.refusals - 1, 30), longest)
        if error.retry_after is not None:
            entry.retry_at = max(entry.retry_at, now + min(error.retry_after, LONGEST_PAUSE_SECONDS))
        # Those that had begun before the window was halved tell nothing new.
        if flight.began > entry.halved:
            least = 1.0 if self._patience else float(self._few)
            entry.window = entry.threshold = max(least, min(entry.window, len(entry.flights)) / 2)
            entry.halved = now
        if not self._patience:
            return None
        if entry.pause is not None:
            if entry.pause.probe == image:
                self._pause(name, entry, now, error, entry.pause.number + 1)
            elif entry.retry_at > entry.pause.until:
                entry.pause.until = entry.retry_at
                self._changed.add(name)
        elif len(entry.in_a_row) >= SEVERAL:
            self._pause(name, entry, now, error, 1)
        if entry.pause is not None:
            return Refusal(name, is_paused=True) if now - entry.pause.since < self._patience else None
        is_host_s = len(entry.refused) >= SEVERAL and not offence.is_alone
        return Refusal(name, is_paused=False) if is_host_s else None

    def _offence(self, entry: _Host, image: int, now: float) -> _Offence:
        """Remember a refusal; those of long ago are forgotten."""
        before = entry.refused.pop(image, None)
        offence = _Offence(now, entry.answers, entry.all_refusals)
        entry.all_refusals += 1
        if before is not None:
            answers, others = entry.answers - before.answers, offence.refusals - before.refusals - 1
            offence.is_alone = not others
            offence.repeats = before.repeats + (answers >= max(ANSWERS_BETWEEN, ANSWERS_PER_REFUSAL * others))
        entry.refused[image] = offence
        while (oldest := next(iter(entry.refused))) != image and now - entry.refused[oldest].at > REMEMBERED_SECONDS:
            del entry.refused[oldest]
        return offence

    def _pause(self, name: str, entry: _Host, now: float, error: ImageError, number: int) -> None:
        first, longest = PAUSE_SECONDS
        until = max(now + min(first * 2 ** min(number - 1, 30), longest), entry.retry_at)
        since = entry.since if entry.pause is None else entry.pause.since
        entry.pause = Pause(until, since, error.code, str(error), number)
        entry.has_answered = False
        entry.window = 1.0
        self._changed.add(name)
        if now - since >= self._patience:
            self._exhausted[name] = entry.pause

    def _end_pause(self, name: str, entry: _Host) -> None:
        entry.pause = None
        entry.refusals = 0
        entry.in_a_row.clear()
        entry.held_until = entry.retry_at = -inf
        self._exhausted.pop(name, None)
        self._changed.add(name)


class NoLimits(HostLimits):
    """Lets every image begin and learns nothing: for callers that want the first in rank, whoever their hosts are."""

    def __init__(self) -> None:
        super().__init__(1)

    def begin(self, host: str, image: int, job: int, *, leftover: bool = False) -> Verdict:
        """Yes."""
        return Verdict.BEGINS


def _smooth(before: float, value: float) -> float:
    return before + SMOOTHING * (value - before) if before else value
