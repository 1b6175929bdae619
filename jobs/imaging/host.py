"""One photo host as one process knows it: how many images it may have in flight, and whether it is paused.

Plain state: what happens to the host is reported to it together with the time.
"""

from dataclasses import dataclass, field, replace
from math import inf

from jobs.errors import HTTPStatus, ImageError

# How many different images must be refused in a row before the host is blamed.
SEVERAL = 3
# How long a refusal is remembered, and how many are.
REMEMBERED_SECONDS = 30.0
MOST_REMEMBERED = 1_000
# An image is in trouble of its own if, between two of its refusals, its host answered at least ANSWERS_BETWEEN others,
# and at least ANSWERS_PER_REFUSAL for each other one that it refused; and that happened REPEATS times.
ANSWERS_BETWEEN = 8
ANSWERS_PER_REFUSAL = 4
REPEATS = 2
# How long a host is left alone after a refusal; twice as long after each further one in a row, up to the second number.
HOLD_SECONDS = 0.05, 1.0
# The first pause, and the longest one that grows by itself. `Retry-After` may ask for up to LONGEST_PAUSE_SECONDS.
PAUSE_SECONDS = 0.5, 30.0
LONGEST_PAUSE_SECONDS = 60.0
# Up to this window, a host that has ever refused gets its requests at even intervals instead of in bursts.
PACED_WINDOW = 8
# The weight of one measurement against all before it.
SMOOTHING = 0.1


@dataclass(frozen=True, slots=True)
class Pause:
    """The host gets no request until `until`. Times are the clock's; `since` is that of the first refusal."""

    until: float
    since: float
    code: str
    message: str
    number: int = 1
    """1 for the first pause since the host last answered."""


@dataclass(frozen=True, slots=True)
class Blame:
    """A host is to blame for an image's failure, so it costs no attempt; if it `is_paused`, the image waits for it."""

    host: str
    is_paused: bool


@dataclass(slots=True)
class Flight:
    """An image in flight since `began`; `has_answer` from the moment when its download was complete."""

    job: int
    began: float
    is_stranger: bool
    has_answer: bool = False


@dataclass(slots=True)
class _Offence:
    """The last refusal of an image: when, and after how many answers and refusals of the host."""

    at: float
    answers: int
    refusals: int
    repeats: int = 0
    """How often the host had answered many others since the refusal before, and refused few."""
    is_alone: bool = False
    """Whether no other image was refused since the refusal before."""


@dataclass(slots=True, eq=False)
class Host:
    """`window` is how many images it may have in flight by its own answers."""

    name: str
    window: float
    used: float
    threshold: float = inf
    """Below it, each answer adds one to the window; from there on, a whole round of answers does. Finite once the host
    has refused."""
    has_answered: bool = False
    """Since it was first seen, or last paused."""
    answered_at: float = -inf
    answers: int = 0
    refusals: int = 0
    fetch_seconds: float = 0.0
    began_at: float = -inf
    halved_at: float = -inf
    held_until: float = -inf
    flights: dict[int, Flight] = field(default_factory=dict)
    unanswered: dict[int, float] = field(default_factory=dict)
    """When those of the flights began whose download is not complete."""
    pause: Pause | None = None
    probe: int | None = None
    """The image in flight that tries whether a paused host has recovered."""

    # Since the last answer:
    row: set[int] = field(default_factory=set)
    """The different images that were refused."""
    refusals_in_row: int = 0
    refusing_since: float = 0.0
    retry_at: float = -inf
    """The latest moment that a Retry-After has asked for."""

    _offences: dict[int, _Offence] = field(default_factory=dict)

    def seconds(self, now: float) -> float:
        """How long a download takes; for a silent host it grows before any download has ended."""
        if not self.unanswered:
            return self.fetch_seconds
        # A copy: slots take their images out of it at any time.
        began = list(self.unanswered.values())
        return max(self.fetch_seconds, (now * len(began) - sum(began)) / max(len(self.flights), 1))

    def opens_at(self, model_seconds: float) -> float:
        """When the next image may begin, if the window has room: after a pause, a hold, or its even interval."""
        if self.pause is not None:
            return self.pause.until
        return max(self.held_until, self.paced_until(model_seconds))

    def paced_until(self, model_seconds: float) -> float:
        """When the next image's turn is if the images of a small window are spread over one round."""
        if self.threshold == inf or self.window > PACED_WINDOW:
            return -inf
        return self.began_at + (self.fetch_seconds + model_seconds) / self.window

    def took(self, seconds: float) -> None:
        """Learn from one download how long they take."""
        self.fetch_seconds = smooth(self.fetch_seconds, seconds)

    def answered(self, image: int, now: float, most: float) -> bool:
        """An image has got an answer; the window grows, up to `most`. Returns whether a pause has ended by it."""
        self.unanswered.pop(image, None)
        self.answers += 1
        had_pause = self.pause is not None
        if had_pause and self.probe != image:
            # An answer to what was asked before the pause says nothing of how the host is now.
            return False
        self.has_answered, self.answered_at = True, now
        if self.refusals_in_row or had_pause:
            self.forgive()
        self.window = min(self.window + (1 if self.window < self.threshold else 1 / self.window), most)
        return had_pause

    def forgive(self) -> None:
        """The host is well again: its pause ends, and the next refusal is the first one."""
        self.pause = self.probe = None
        self.row.clear()
        self.refusals_in_row = 0
        self.held_until = self.retry_at = -inf

    def refused(
        self, image: int, subject: int, error: ImageError, now: float, *, patience: float, few: int
    ) -> Blame | None:
        """An image has been refused; `subject` is the same for each image of the same URL.

        Returns a Blame where the host is to blame. Without `patience` it never is, and neither held nor paused. `few`
        is the window that a host begins with.
        """
        offence = self._remember(subject, now)
        if offence.repeats >= REPEATS and self.pause is None:
            return None
        if not self.refusals_in_row:
            self.refusing_since = now
        self.refusals_in_row += 1
        if len(self.row) < SEVERAL:
            self.row.add(subject)
        # Once that it has been refused alone among many may be chance, but says nothing of the host.
        is_suspect = offence.repeats > 0
        least = self._least(error, patience, few)
        if not is_suspect:
            self._shrink(self.flights[image].began, now, least)
        if not patience:
            return None
        self._hold(error, now, is_suspect=is_suspect)
        if self.pause is not None:
            if self.probe == image:
                self._pause(error, now, least)
            elif self.retry_at > self.pause.until:
                self.pause = replace(self.pause, until=self.retry_at)
        elif len(self.row) >= SEVERAL:
            self._pause(error, now, least)
        if self.pause is not None:
            return Blame(self.name, is_paused=True) if now - self.pause.since < patience else None
        is_to_blame = len(self._offences) >= SEVERAL and not offence.is_alone
        return Blame(self.name, is_paused=False) if is_to_blame else None

    def _remember(self, subject: int, now: float) -> _Offence:
        """Note the refusal of an image, and forget those of long ago."""
        before = self._offences.pop(subject, None)
        offence = _Offence(now, self.answers, self.refusals)
        self.refusals += 1
        if before is not None:
            answers, others = self.answers - before.answers, offence.refusals - before.refusals - 1
            offence.is_alone = not others
            offence.repeats = before.repeats + (answers >= max(ANSWERS_BETWEEN, ANSWERS_PER_REFUSAL * others))
        self._offences[subject] = offence
        while (oldest := next(iter(self._offences))) != subject:
            is_recent = now - self._offences[oldest].at <= REMEMBERED_SECONDS
            if is_recent and len(self._offences) <= MOST_REMEMBERED:
                break
            del self._offences[oldest]
        return offence

    def _shrink(self, began: float, now: float, least: float) -> None:
        """Halve the window, once for all that were in flight: those that began earlier tell nothing new."""
        if began > self.halved_at:
            self.window = self.threshold = max(least, min(self.window, len(self.flights)) / 2)
            self.halved_at = now

    def _hold(self, error: ImageError, now: float, *, is_suspect: bool) -> None:
        first, longest = HOLD_SECONDS
        if not is_suspect:
            self.held_until = now + min(first * 2 ** min(self.refusals_in_row - 1, 30), longest)
        if error.retry_after is not None:
            self.retry_at = max(self.retry_at, now + min(error.retry_after, LONGEST_PAUSE_SECONDS))

    def _least(self, error: ImageError, patience: float, few: int) -> float:
        """The least window: one where the host has said that it is asked too much, else what a host begins with.

        Silence costs slots, of which the host has few by then, and not the host; and among many images that time out
        one after the other, those that do not would hardly ever have their turn.
        """
        return 1.0 if patience and isinstance(error, HTTPStatus) else float(few)

    def _pause(self, error: ImageError, now: float, least: float) -> None:
        """Begin the first pause, or the next one, which is longer."""
        since, number = (self.pause.since, self.pause.number + 1) if self.pause else (self.refusing_since, 1)
        first, longest = PAUSE_SECONDS
        until = max(now + min(first * 2 ** min(number - 1, 30), longest), self.retry_at)
        self.pause = Pause(until, since, error.code, str(error), number)
        self.probe = None
        self.has_answered = False
        self.window = least


def smooth(before: float, value: float) -> float:
    """An average in which what was measured last weighs most; the first measurement is the average."""
    return before + SMOOTHING * (value - before) if before else value
