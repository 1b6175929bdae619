"""A server that gets the photo and answers with JSON."""

from io import BytesIO
from typing import IO, Any

from PIL import Image

from jobs.imaging.sample import SAMPLE, sample_file
from jobs.imaging.steps.remote import Remote, Request, parsed
from jobs.imaging.types import Measurement

_ANY = "application/octet-stream"


class HttpStep:
    """POSTs the file as downloaded to GPU_URL, with its media type; the answer is the JSON object that comes back.

    The object may say `model` and `version` itself. The server gets as many requests at once as there are worker slots:
    if its model computes batches, it gathers them itself.
    """

    def __init__(self) -> None:
        self._remote = Remote.from_settings()

    def infer(self, image: IO[bytes], measurement: Measurement) -> dict[str, Any]:
        """Raises ModelAway, or RemoteFailed."""
        answer = self._remote.ask_for_image(self._request(image, measurement.format), self._sample)
        return parsed(answer.body)

    def _request(self, image: IO[bytes], format_: str) -> Request:
        return Request(self._remote.path, image, {"Content-Type": Image.MIME.get(format_, _ANY)})

    def _sample(self) -> Request:
        return self._request(BytesIO(sample_file()), SAMPLE.format)
