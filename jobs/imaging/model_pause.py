"""Whether the model is away, and when it is asked again."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from jobs.imaging.batch import ModelAway
from jobs.imaging.printable import printable
from retail_pulse.logs.formatters import without_secrets

# The first pause after the model went away, and the longest one by doubling.
PAUSE_SECONDS = 1.0, 30.0
# Characters of the reason, as it is shown.
LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Absence:
    """The model has been away for `seconds`; `reason` is printable, at most LONGEST_REASON characters long, and its
    URLs hold no passwords.
    """

    seconds: float
    reason: str


class ModelPause:
    """Of one process; many threads may use it. `clock` gives monotonic seconds.

    While the model is away, nothing is claimed and no image asks it. After the pause one image is claimed, and asks:
    if the model is still away, the next pause is twice as long, else all goes on. Images that were asking at the same
    time decide nothing: of those that overlap with an absence, some were answered before it.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since: float | None = None
        self._until = 0.0
        self._seconds = 0.0
        self._reason = ""
        self._trial_ends = 0.0
        self._claims_at = 0.0

    @property
    def absence(self) -> Absence | None:
        """None while the model is there."""
        with self._lock:
            return None if self._since is None else Absence(self._clock() - self._since, self._reason)

    @property
    def is_on(self) -> bool:
        """Whether the model is away, as far as is known."""
        return self._since is not None

    @property
    def is_away(self) -> bool:
        """Whether an image need not be fetched, because it could not ask."""
        return self._since is not None and self._clock() < self._until

    @property
    def most_claims(self) -> int | None:
        """How many images may be claimed at this moment; None is no limit."""
        if self._since is None:
            return None
        return int(self._clock() >= max(self._until, self._claims_at))

    def claimed(self) -> None:
        """An image was claimed; where it does not get as far as to ask, the next one may be tried a pause later."""
        if self._since is not None:
            self._claims_at = self._clock() + self._seconds

    def ask(self) -> bool:
        """An image wants to ask the model: whether it is the trial after a pause, which `answered` or `refused` ends.

        Raises ModelAway where it may not.
        """
        return self._since is not None and self._begin_trial()

    def answered(self) -> None:
        """The trial got an answer, if perhaps an error."""
        with self._lock:
            self._since, self._trial_ends, self._seconds = None, 0.0, 0.0

    def refused(self, reason: str, *, is_trial: bool) -> None:
        """The model was away for an image that was asking."""
        shortest, longest = PAUSE_SECONDS
        with self._lock:
            if self._since is not None and not is_trial:
                return
            now = self._clock()
            self._since = now if self._since is None else self._since
            self._seconds = min(max(2 * self._seconds, shortest), longest)
            self._until = self._claims_at = now + self._seconds
            self._reason = printable(without_secrets(reason), LONGEST_REASON)
            self._trial_ends = 0.0

    def _begin_trial(self) -> bool:
        with self._lock:
            if self._since is None:
                return False
            now = self._clock()
            if now < max(self._until, self._trial_ends):
                raise ModelAway(self._reason)
            # One that hangs does not keep others from trying for ever.
            self._trial_ends = now + PAUSE_SECONDS[1]
            return True
