"""The image that warms a model up, and tells whether it works at all where it has failed on others."""

import io
from functools import cache

from PIL import Image

from jobs.imaging.types import Measurement

SAMPLE = Measurement(640, 480, "JPEG")


@cache
def sample_file() -> bytes:
    """A JPEG of shades of every colour."""
    size = SAMPLE.width, SAMPLE.height
    across = Image.linear_gradient("L").resize(size)
    image = Image.merge("RGB", (across, across.transpose(Image.Transpose.ROTATE_180), Image.new("L", size, 128)))
    file = io.BytesIO()
    image.save(file, SAMPLE.format)
    return file.getvalue()
