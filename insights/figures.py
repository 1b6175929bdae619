"""A figure with how sure it is: `{value, low, high, n}`, or `{value: null, n, why}`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Of fewer images or visits no rate is given.
FEWEST = 30
# Why a value is not known: below FEWEST; all within one block of days, so that nobody knows how sure it is; no image of
# another store at the same host.
TOO_FEW, ONE_BLOCK, NO_OTHERS = "too_few", "one_block", "no_others"
REASONS = (TOO_FEW, ONE_BLOCK, NO_OTHERS)


@dataclass(frozen=True, slots=True)
class Figure:
    """`low` to `high` is a 95 % interval; `n` says of how many it is. Without a value, `why` is one of REASONS."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    why: str = ""

    @classmethod
    def unknown(cls, n: int, why: str = TOO_FEW) -> Figure:
        return cls(None, None, None, n, why)

    def as_json(self) -> dict[str, Any]:
        if self.value is None:
            return {"value": None, "n": self.n, "why": self.why}
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}
