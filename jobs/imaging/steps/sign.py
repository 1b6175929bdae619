"""The text in a photo, as a model reads it. Needs the extra `ocr`."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import IO, Any

from django.core.exceptions import ImproperlyConfigured

from jobs.imaging.batch import BatchStep
from jobs.imaging.printable import printable
from jobs.imaging.types import Measurement
from jobs.imaging.upright import upright

LONGER_SIDE = 960
"""Pixels to which a photo is shrunk: at 640 boards are missed, 1,280 takes half as long again and finds as many."""
LEAST_SCORE = 0.8
MOST_LINES = 50
"""Of one photo, the tallest: a store's board is among them, and a shelf of labels takes no minute."""
LONGEST_LINE = 100
# What the text finder is given at least.
_LEAST_SIDE = 64


class SignStep(BatchStep):
    """`lines`, each with text and score, from the top to the bottom; whose sign it is is found elsewhere.

    One thread of the processor. Nothing is downloaded: the weights are in the package.
    """

    name = "sign"
    version = ""
    # Several would be no faster together, and each would wait for all.
    most = 1

    def load(self) -> None:
        """Raises ImproperlyConfigured where the extra is missing."""
        try:
            from jobs.imaging.steps.reader import Reader
        except ImportError as error:
            raise ImproperlyConfigured(
                f"SignStep needs rapidocr and onnxruntime ({error.name} is missing); ./run install ocr installs "
                "them (elsewhere: pip install 'retail-pulse[ocr]')."
            ) from None
        self.version = f"rapidocr {version('rapidocr')}"
        self._reader = Reader(MOST_LINES)

    def prepare(self, image: IO[bytes], measurement: Measurement) -> Any:
        photo = upright(image, lambda width, height: LONGER_SIDE / max(width, height))
        size = max(photo.width, _LEAST_SIDE), max(photo.height, _LEAST_SIDE)
        return photo if photo.size == size else photo.crop((0, 0, *size))

    def infer_batch(self, items: Sequence[Any]) -> list[dict[str, Any] | None]:
        return [{"lines": self._lines(photo)} for photo in items]

    def _lines(self, photo: Any) -> list[dict[str, Any]]:
        return [
            {"text": printable(text, LONGEST_LINE), "score": round(score, 3)}
            for text, score in self._reader.lines(photo)
            if score >= LEAST_SCORE
        ]
