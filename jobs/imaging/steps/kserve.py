"""A server that speaks the Open Inference Protocol (KServe v2): Triton, KServe, OpenVINO's and others."""

import threading
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from jobs.imaging.batch import ModelAway
from jobs.imaging.measure import decoding
from jobs.imaging.sample import sample_file
from jobs.imaging.steps.answers import Answers
from jobs.imaging.steps.kserve_form import Input, Output
from jobs.imaging.steps.remote import Remote, RemoteFailed, Request, parsed
from jobs.imaging.steps.tensors import Tensors
from jobs.imaging.types import Measurement


class KServeStep:
    """GPU_URL is the model's own: http://host:8000/v2/models/NAME, or …/NAME/versions/NUMBER.

    The server says what the model takes: numbers (FP32), which are made here of the photo, or the file as it is (BYTES,
    UINT8). It is asked when the first image comes. The first output is kept. A server that gathers batches (Triton's
    `dynamic_batching`) gets as many requests at once as there are worker slots.
    """

    def __init__(self) -> None:
        self._remote = Remote.from_settings()
        self._path = self._remote.path.rstrip("/").removesuffix("/infer")
        self._answers = Answers.from_settings()
        self._lock = threading.Lock()
        self._known: Input | None = None
        self.name = self._path.partition("/v2/models/")[2].split("/")[0]
        if not self.name:
            raise ImproperlyConfigured("GPU_URL: KServeStep needs that of a model, such as http://host/v2/models/NAME.")

    def infer(self, image: IO[bytes], measurement: Measurement) -> dict[str, Any]:
        """Raises ModelAway, RemoteFailed, or what decoding raises."""
        takes = self._input()
        answer = self._remote.ask_for_image(
            self._request(takes, image), lambda: self._request(takes, BytesIO(sample_file()))
        )
        output = Output.of(answer, takes.output)
        return {**self._answers.of(output.numbers), "model": self.name, "version": output.version}

    def _input(self) -> Input:
        """Raises ModelAway where the server does not say, or says what this step cannot use: no image is to blame."""
        if self._known is None:
            is_asking = self._lock.acquire(blocking=False)
            if not is_asking:
                self._lock.acquire()
            try:
                if self._known is None:
                    if not is_asking:
                        # Not one after the other, each as long as the limit allows.
                        raise ModelAway("The model's server did not say what the model takes.")
                    self._known = Input.of(parsed(self._remote.ask(Request(self._path)).body))
            except RemoteFailed as error:
                raise ModelAway(str(error)) from None
            finally:
                self._lock.release()
        return self._known

    def _request(self, takes: Input, image: IO[bytes]) -> Request:
        if takes.layout:
            tensors = Tensors(takes.layout, settings.GPU_NORMALISATION, settings.GPU_RESIZE)
            with decoding():
                image = BytesIO(tensors.of(image))
        body, headers = takes.request(image)
        return Request(f"{self._path}/infer", body, headers)
