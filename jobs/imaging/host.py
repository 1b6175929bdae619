"""One photo host as one process knows it: how many images it may have in flight, and whether it is paused.

Plain state: events are reported to it, together with the time.
"""

from dataclasses import dataclass, field, replace
from math import inf

from jobs.errors import HTTPStatus, ImageError

# How many different images must be refused in a row before the host is blamed.
SEVERAL = 3
# How long a refusal is remembered, and how many of a host's refusals are.
REMEMBERED_SECONDS = 30.0
MOST_REMEMBERED = 1_000
# An image is itself to blame once the following has happened REPEATS times: between two of its refusals, its host
# answered at least ANSWERS_BETWEEN others, and at least ANSWERS_PER_REFUSAL for each other image that it refused.
ANSWERS_BETWEEN = 8
ANSWERS_PER_REFUSAL = 4
REPEATS = 2
# How long a host gets no request after a refusal; doubled for each further one in a row, up to the second number.
HOLD_SECONDS = 0.05, 1.0
# The first pause, and the longest one by doubling. `Retry-After` may ask for up to LONGEST_PAUSE_SECONDS.
PAUSE_SECONDS = 0.5, 30.0
LONGEST_PAUSE_SECONDS = 60.0
# Up to this window, a host that has ever refused gets its requests at even intervals rather than in bursts.
PACED_WINDOW = 8
# The weight of one measurement against all earlier ones.
SMOOTHING = 0.1


@dataclass(frozen=True, slots=True)
class Pause:
    """The host gets no request before `until`; `since` is when it first refused. Both are times of the clock."""

    until: float
    since: float
    code: str
    message: str
    number: int = 1
    """1 for the first pause since the host's last answer."""


@dataclass(frozen=True, slots=True)
class Blame:
    """The host is to blame for an image's failure, which costs no attempt; if it `is_paused`, the image waits."""

    host: str
    is_paused: bool


@dataclass(slots=True)
class Flight:
    """An image in flight since `began`; `has_answer` from the moment its download was complete."""

    job: int
    began: float
    is_stranger: bool
    has_answer: bool = False


@dataclass(slots=True)
class _Refusal:
    """The last refusal of an image: when it was, and how many answers and refusals of the host came before it."""

    at: float
    answers: int
    refusals: int
    repeats: int = 0
    """How often the host had answered many others, and refused few, since the image's previous refusal."""
    is_alone: bool = False
    """Whether no other image has been refused since the image's previous refusal."""


@dataclass(slots=True, eq=False)
class Host:
    """`window` is how many images it may have in flight, derived from its answers."""

    name: str
    window: float
    used: float
    threshold: float = inf
    """Below it, each answer adds one to the window; from there on, a whole round of answers does. It is finite once the
    host has refused."""
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
    """When each image in flight began whose download is not complete."""
    pause: Pause | None = None
    probe: int | None = None
    """The image in flight that tests whether a paused host has recovered."""

    # Since the last answer:
    refused_in_a_row: set[int] = field(default_factory=set)
    """The different images that were refused, SEVERAL of them at most."""
    refusals_in_row: int = 0
    refusing_since: float = 0.0
    retry_at: float = -inf
    """The latest moment that a Retry-After has named."""

    _last_refusals: dict[int, _Refusal] = field(default_factory=dict)

    def seconds(self, now: float) -> float:
        """How long a download takes; while a host is silent, this grows before any download has ended."""
        if not self.unanswered:
            return self.fetch_seconds
        # A copy, because worker slots remove their images at any time.
        began = list(self.unanswered.values())
        return max(self.fetch_seconds, (now * len(began) - sum(began)) / max(len(self.flights), 1))

    def opens_at(self, model_seconds: float) -> float:
        """When the next image may begin, if the window has room: after a pause, a hold, or an even interval."""
        if self.pause is not None:
            return self.pause.until
        return max(self.held_until, self.paced_until(model_seconds))

    def paced_until(self, model_seconds: float) -> float:
        """When the next image may begin if the images of a small window are spread over one round."""
        if self.threshold == inf or self.window > PACED_WINDOW:
            return -inf
        return self.began_at + (self.fetch_seconds + model_seconds) / self.window

    def record_fetch(self, seconds: float) -> None:
        """Learn from one download how long downloads take."""
        self.fetch_seconds = smooth(self.fetch_seconds, seconds)

    def answered(self, image: int, now: float, most: float) -> bool:
        """An image has got an answer; the window grows, up to `most`. Returns whether this ended a pause."""
        self.unanswered.pop(image, None)
        self.answers += 1
        had_pause = self.pause is not None
        if had_pause and self.probe != image:
            # An answer to a request from before the pause says nothing about the host's state now.
            return False
        self.has_answered, self.answered_at = True, now
        if self.refusals_in_row or had_pause:
            self.recover()
        self.window = min(self.window + (1 if self.window < self.threshold else 1 / self.window), most)
        return had_pause

    def recover(self) -> None:
        """The host is well again: its pause ends, and its next refusal counts as the first."""
        self.pause = self.probe = None
        self.refused_in_a_row.clear()
        self.refusals_in_row = 0
        self.held_until = self.retry_at = -inf

    def refused(
        self, image: int, subject: int, error: ImageError, now: float, *, patience: float, few: int
    ) -> Blame | None:
        """An image has been refused; `subject` is the same for all images with one URL.

        Returns a Blame if the host is to blame. With a `patience` of 0 it never is, nor is it ever held or paused.
        `few` is the window that a host begins with.
        """
        refusal = self._remember(subject, now)
        if refusal.repeats >= REPEATS and self.pause is None:
            return None
        if not self.refusals_in_row:
            self.refusing_since = now
        self.refusals_in_row += 1
        if len(self.refused_in_a_row) < SEVERAL:
            self.refused_in_a_row.add(subject)
        # Being refused alone among many may be chance if it happened once, but it says nothing about the host.
        is_suspect = refusal.repeats > 0
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
        elif len(self.refused_in_a_row) >= SEVERAL:
            self._pause(error, now, least)
        if self.pause is not None:
            return Blame(self.name, is_paused=True) if now - self.pause.since < patience else None
        is_to_blame = len(self._last_refusals) >= SEVERAL and not refusal.is_alone
        return Blame(self.name, is_paused=False) if is_to_blame else None

    def _remember(self, subject: int, now: float) -> _Refusal:
        """Note the refusal of an image, and forget old ones."""
        before = self._last_refusals.pop(subject, None)
        refusal = _Refusal(now, self.answers, self.refusals)
        self.refusals += 1
        if before is not None:
            answers, others = self.answers - before.answers, refusal.refusals - before.refusals - 1
            refusal.is_alone = not others
            refusal.repeats = before.repeats + (answers >= max(ANSWERS_BETWEEN, ANSWERS_PER_REFUSAL * others))
        self._last_refusals[subject] = refusal
        while (oldest := next(iter(self._last_refusals))) != subject:
            is_recent = now - self._last_refusals[oldest].at <= REMEMBERED_SECONDS
            if is_recent and len(self._last_refusals) <= MOST_REMEMBERED:
                break
            del self._last_refusals[oldest]
        return refusal

    def _shrink(self, began: float, now: float, least: float) -> None:
        """Halve the window, once for all images in flight: those that began before the last halving say nothing new."""
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
        """The smallest window: 1 if the host has said that it gets too many requests, else what a host begins with.

        Timeouts burden our slots, of which a silent host has few by then, rather than the host; and with a window of 1,
        images that would succeed would hardly ever get a request in among many that time out one after the other.
        """
        return 1.0 if patience and isinstance(error, HTTPStatus) else float(few)

    def _pause(self, error: ImageError, now: float, least: float) -> None:
        """Begin the first pause, or the next, longer one."""
        since, number = (self.pause.since, self.pause.number + 1) if self.pause else (self.refusing_since, 1)
        first, longest = PAUSE_SECONDS
        until = max(now + min(first * 2 ** min(number - 1, 30), longest), self.retry_at)
        self.pause = Pause(until, since, error.code, str(error), number)
        self.probe = None
        self.has_answered = False
        self.window = least


def smooth(before: float, value: float) -> float:
    """A moving average that weights recent measurements most; the first measurement is the average."""
    return before + SMOOTHING * (value - before) if before else value
