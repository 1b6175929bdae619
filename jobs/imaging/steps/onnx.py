"""Any ONNX file as a model: GPU_MODEL names it, GPU_LABELS its classes. Needs the extra `onnx`."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from jobs.imaging.batch import BatchStep
from jobs.imaging.gpu import AnswerRefused
from jobs.imaging.steps.answers import Answers
from jobs.imaging.steps.tensors import Layout, Tensors, UnusableShape
from jobs.imaging.types import Measurement

logger = logging.getLogger(__name__)

# A device's first; on it, each number of images that is new takes memory that is never given back.
_DEVICES = ("CUDAExecutionProvider",)
_PROCESSOR = "CPUExecutionProvider"
_FLOAT = "tensor(float)"
_ERRORS_ALONE = 3


class OnnxStep(BatchStep):
    """One input of float32, of which the first output is kept. One thread of the processor, or a CUDA device."""

    def __init__(self) -> None:
        if not settings.GPU_MODEL:
            raise ImproperlyConfigured("GPU_MODEL is unset; it names the ONNX file.")
        self._path = Path(settings.GPU_MODEL)
        self._answers = Answers.from_settings()
        self.name = self._path.stem
        self.version = ""

    def load(self) -> None:
        """Raises ImproperlyConfigured where the extra is missing, or the file is none that this step can run."""
        try:
            import onnxruntime
        except ImportError:
            raise ImproperlyConfigured(
                "OnnxStep needs onnxruntime; pip install 'retail-pulse[onnx]' installs it (./run has it)."
            ) from None
        try:
            model = self._path.read_bytes()
        except OSError as error:
            raise ImproperlyConfigured(f"GPU_MODEL={self._path}: it cannot be read ({error.strerror}).") from None
        self.version = hashlib.sha256(model).hexdigest()[:12]
        options = onnxruntime.SessionOptions()
        # Threads of one call do not add up: two take more processor time, and no less time.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # Else the most memory that a call ever took is never given back.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = _ERRORS_ALONE
        available = onnxruntime.get_available_providers()
        providers = [*(one for one in _DEVICES if one in available), _PROCESSOR]
        try:
            # By its path: weights may be in files beside it.
            self._session = onnxruntime.InferenceSession(str(self._path), options, providers=providers)
        except Exception as error:  # noqa: BLE001 - the runtime's errors share no class
            raise ImproperlyConfigured(f"GPU_MODEL={self._path}: it is no model that can be run ({error}).") from None
        self._has_device = self._session.get_providers()[0] != _PROCESSOR
        self._read_input()
        logger.info("model loaded", extra={"model": self.name, "version": self.version, "on": providers[0]})

    def prepare(self, image: IO[bytes], measurement: Measurement) -> bytes:
        return self._tensors.of(image)

    def infer_batch(self, items: Sequence[bytes]) -> list[dict[str, Any] | None]:
        return [self._answers.of(numbers) for piece in self._pieces(items) for numbers in self._run(piece)]

    def _read_input(self) -> None:
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != _FLOAT:
            found = ", ".join(f"{one.name}: {one.type}" for one in inputs)
            raise ImproperlyConfigured(f"GPU_MODEL={self._path}: usable is one input of float32, not {found}.")
        self._input, self._output = inputs[0].name, self._session.get_outputs()[0].name
        try:
            layout = Layout.of(inputs[0].shape)
        except UnusableShape as error:
            raise ImproperlyConfigured(f"GPU_MODEL={self._path}: {error}.") from None
        first = inputs[0].shape[0]
        self._batch = first if isinstance(first, int) and first > 0 else None
        if not self._has_device:
            # Together, images would take as long, and each would wait for all.
            self.most = self._batch or 1
        self._tensors = Tensors(layout, settings.GPU_NORMALISATION, settings.GPU_RESIZE)

    def _pieces(self, items: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
        """As many at a time as the model takes; all, where it takes any number."""
        most = self._batch or max(1, len(items))
        for start in range(0, len(items), most):
            yield items[start : start + most]

    def _run(self, items: Sequence[bytes]) -> list[list[float]]:
        import numpy

        missing = self._padded(len(items)) - len(items)
        data = b"".join([*items, *[items[-1]] * missing])
        batch = numpy.frombuffer(data, numpy.float32).reshape(-1, *self._tensors.layout.shape)
        (output,) = self._session.run([self._output], {self._input: batch})
        if not isinstance(output, numpy.ndarray) or output.ndim < 1 or len(output) != len(batch):
            raise AnswerRefused("The model's first output does not have one answer for each image.")
        answers: list[list[float]] = output.reshape(len(batch), -1)[: len(items)].astype(numpy.float64).tolist()
        return answers

    def _padded(self, number: int) -> int:
        """To how many images a call is filled up: what the model takes; on a device, a power of two."""
        if self._batch:
            return self._batch
        return 1 << (number - 1).bit_length() if self._has_device else number
