"""What a rule finds: the input of an alert."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd about one subject, from its first to its last day so far; see the fields of `Alert`.

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
