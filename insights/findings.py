"""What a rule finds: the input of an alert."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

# Of one rule at once: more are one thing, and raise one alert; so no more than MOST_FOUND need to be found.
MOST_SUBJECTS = 500
MOST_FOUND = MOST_SUBJECTS + 1


@dataclass(frozen=True, slots=True)
class Finding:
    """Something unusual about one subject, from its first to its last day so far; see the fields of `Alert`.

    `is_over` says that it has not been found for so long that nobody needs to look any more.
    """

    kind: str
    subject: str
    since: date
    until: date
    expected: float | None
    seen: float
    says: str
    direction: int = 0
    is_over: bool = False
