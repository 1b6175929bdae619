"""What is kept of a model's numbers: its best classes by name, or all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest
from math import exp, isfinite
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from jobs.imaging.gpu import AnswerRefused
from jobs.imaging.printable import printable

MOST_NUMBERS = 1024
"""Of one answer without labels."""
MOST_LABELS = 100_000
LONGEST_LABEL = 100
MOST_LABEL_BYTES = 2**24
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Answers:
    """`labels` names the model's classes in their order; without any, all numbers are kept."""

    labels: Sequence[str]
    top: int
    softmax: bool

    @classmethod
    def from_settings(cls) -> Self:
        """Raises ImproperlyConfigured."""
        return cls(_labels(settings.GPU_LABELS), settings.GPU_TOP, settings.GPU_SOFTMAX)

    def of(self, numbers: Sequence[float]) -> dict[str, Any]:
        """`classes`, best first, each with label and score; or `vector`. Raises AnswerRefused."""
        if not all(map(isfinite, numbers)):
            raise AnswerRefused("The model's answer holds a number that is not finite (NaN or infinity).")
        if not self.labels:
            if len(numbers) > MOST_NUMBERS:
                raise AnswerRefused(
                    f"The model answers with {len(numbers):,} numbers; at most {MOST_NUMBERS:,} are kept. GPU_LABELS "
                    "keeps the best classes alone."
                )
            return {"vector": [_short(number) for number in (softmax(numbers) if self.softmax else numbers)]}
        if len(numbers) != len(self.labels):
            raise AnswerRefused(
                f"The model answers with {len(numbers):,} numbers, but GPU_LABELS has {len(self.labels):,} lines."
            )
        scores = softmax(numbers) if self.softmax else numbers
        best = nlargest(self.top, range(len(scores)), key=scores.__getitem__)
        return {"classes": [{"label": self.labels[one], "score": _short(scores[one])} for one in best]}


def softmax(numbers: Sequence[float]) -> list[float]:
    """The numbers as parts of 1."""
    highest = max(numbers, default=0)
    parts = [exp(number - highest) for number in numbers]
    total = sum(parts)
    return [part / total for part in parts]


def _short(number: float) -> float:
    """To six significant digits, which is what float32 holds."""
    return float(f"{number:.{_DIGITS}g}")


def _labels(path: str) -> list[str]:
    """The lines of the file; none without a path."""
    if not path:
        return []
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(MOST_LABEL_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"GPU_LABELS={path}: it cannot be read as UTF-8 ({error}).") from None
    labels = [printable(line.strip(), LONGEST_LABEL) for line in text.splitlines()]
    if not 1 <= len(labels) <= MOST_LABELS:
        raise ImproperlyConfigured(
            f"GPU_LABELS={path}: it has {len(labels):,} lines; allowed are 1 to {MOST_LABELS:,}, one for each class."
        )
    return labels
