"""Models for GPU_STEP that behave badly, in the service's own processes; variables of theirs say how."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from jobs.imaging.batch import BatchStep, ModelAway
from jobs.imaging.types import Measurement
from proofs.world.images import BAD

CALL_SECONDS, ITEM_SECONDS = 0.01, 0.0005


class Fake(BatchStep):
    """Takes 10 ms a call and 0.5 ms an image, as a small model on a GPU does, and says how wide images are."""

    name, version = "fake", "1"

    def __init__(self) -> None:
        self._began = time.monotonic()

    def load(self) -> None:
        """There is nothing to load."""

    def prepare(self, image: IO[bytes], measurement: Measurement) -> Any:
        return measurement

    def infer_batch(self, items: Sequence[Any]) -> Sequence[dict[str, Any] | None]:
        time.sleep(CALL_SECONDS + ITEM_SECONDS * len(items))
        return [{"width": item.width} for item in items]


class AwayAtFirst(Fake):
    """Cannot be used for the first MODEL_AWAY_SECONDS."""

    def infer_batch(self, items: Sequence[Any]) -> Sequence[dict[str, Any] | None]:
        if time.monotonic() - self._began < float(os.environ["MODEL_AWAY_SECONDS"]):
            raise ModelAway("connection refused")
        return super().infer_batch(items)


class PlainAwayAtFirst:
    """The same without batches: every worker slot calls it."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def infer(self, image: IO[bytes], measurement: Measurement) -> dict[str, Any] | None:
        if time.monotonic() - self._began < float(os.environ["MODEL_AWAY_SECONDS"]):
            raise ModelAway("connection refused")
        return {"width": measurement.width}


class Picky(Fake):
    """Fails on a batch that holds a bad image, as a whole."""

    def infer_batch(self, items: Sequence[Any]) -> Sequence[dict[str, Any] | None]:
        if any(_is_bad(item) for item in items):
            raise ValueError("cannot reshape array")
        return super().infer_batch(items)


class Hanging(Fake):
    """Never returns from a batch that holds a bad image; MODEL_HANGS names a file that says since when."""

    def infer_batch(self, items: Sequence[Any]) -> Sequence[dict[str, Any] | None]:
        if any(_is_bad(item) for item in items):
            Path(os.environ["MODEL_HANGS"]).write_text(str(time.time()))
            while True:
                time.sleep(60)
        return super().infer_batch(items)


class Slow(Fake):
    """One image a second."""

    def infer_batch(self, items: Sequence[Any]) -> Sequence[dict[str, Any] | None]:
        time.sleep(len(items))
        return super().infer_batch(items)


def _is_bad(item: Measurement) -> bool:
    return (item.width, item.height) == (BAD.width, BAD.height)
