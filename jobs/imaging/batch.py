"""The interface of a model that computes many images in one call."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import IO, Any

from jobs.imaging.types import Measurement


class ModelAway(Exception):
    """The model cannot answer at the moment: the image is put off, and it costs it no attempt.

    The text says why, for operators: it is shown on the operations page and in `/readyz`.
    """


class BatchStep(ABC):
    """A model step that GPU_STEP may name instead of one with `infer`: it answers many images at once.

    One instance for each process (GPU_THREADS of them), made without arguments. `load` and `infer_batch` run in the
    model's own thread alone, `prepare` in the threads of all worker slots at once.
    """

    name: str
    """The model's name, in every answer as `model`."""
    version: str
    """In every answer as `version`."""
    most: int | None = None
    """Images that one call gets at most, where those are fewer than GPU_BATCH; `load` may set it."""

    @abstractmethod
    def load(self) -> None:
        """Get the model ready, before the first image is claimed; any exception ends the start with its message.

        Afterwards a sample image goes through `prepare` and `infer_batch`, to warm the model up. ModelAway, raised by
        any of them, ends nothing: the model is loaded once it is there.
        """

    @abstractmethod
    def prepare(self, image: IO[bytes], measurement: Measurement) -> Any:
        """What `infer_batch` needs of one image: decoded and resized. The download is closed afterwards.

        As few run at a time as decoders may. Any exception but ModelAway ends this attempt as `gpu_failed`.
        """

    @abstractmethod
    def infer_batch(self, items: Sequence[Any]) -> Sequence[dict[str, Any] | None]:
        """One answer for each item, in order. Raises ModelAway where no image is to blame.

        Where it raises anything else, the batch is split to find the image that is to blame. A call that takes longer
        than GPU_STEP_SECONDS ends the process.
        """
