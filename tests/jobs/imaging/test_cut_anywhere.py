"""Files cut at every byte: none passes whose pixels do not decode, and each is called what it is."""

import io
from typing import Any

import pytest
from PIL import Image

from jobs import errors
from jobs.imaging.measure import measure
from proofs.pictures import avif_of, encoded

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow warns of damage; a real process suppresses it
SIZE = (12, 9)
MORE: dict[str, Any] = {"save_all": True, "append_images": [Image.effect_noise(SIZE, 90).convert("RGB")]}
# And the length of the shortest beginning that tells the format.
FILES = {
    "JPEG": (encoded(size=SIZE), 3),
    "progressive JPEG with metadata": (encoded(size=SIZE, progressive=True, comment=b"x", icc_profile=b"x" * 50), 3),
    "PNG": (encoded("PNG", SIZE), 4),
    "PNG with a palette": (encoded("PNG", SIZE, "P"), 4),
    "GIF": (encoded("GIF", SIZE, "P", comment=b"x"), 4),
    "WebP": (encoded("WEBP", SIZE, xmp=b"x" * 20), 4),
    "lossless WebP": (encoded("WEBP", SIZE, lossless=True), 4),
    "animated WebP": (encoded("WEBP", SIZE, **MORE), 4),
    "AVIF": (encoded("AVIF", SIZE), 5),
    "AVIF in idat": (avif_of("in idat", SIZE), 5),
    "animated AVIF": (encoded("AVIF", SIZE, **MORE), 5),
    "BMP": (encoded("BMP", SIZE), 10),
    "TIFF": (encoded("TIFF", SIZE), 4),
    # Their directory is behind the pixels, and the values of its fields are behind that.
    "TIFF of JPEG": (encoded("TIFF", SIZE, compression="jpeg"), 4),
    "TIFF of LZW": (encoded("TIFF", SIZE, compression="tiff_lzw"), 4),
    "TIFF of strips": (encoded("TIFF", SIZE, tiffinfo={278: 2}), 4),
    "BigTIFF": (encoded("TIFF", SIZE, big_tiff=True), 4),
}


def code_of(data: bytes, framed: bool) -> str:
    try:
        measure(io.BytesIO(data), framed=framed, check="complete", max_pixels=10**6)
    except errors.ImageError as error:
        return error.code
    return "completed"


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.tobytes()


@pytest.mark.parametrize("kind", FILES)
def test_a_file_cut_anywhere(kind):
    data, recognized = FILES[kind]
    assert code_of(data, framed=False) == "completed"
    for length in range(recognized, len(data)):
        unframed, framed = code_of(data[:length], framed=False), code_of(data[:length], framed=True)
        if "completed" not in (unframed, framed):
            assert unframed == "truncated", length
            assert framed == "corrupt_image" or length < 12, length
        elif not kind.endswith("WebP"):  # which Pillow does not open without its end, even if that is no pixels
            assert pixels(data[:length]) == pixels(data), length


def test_a_webp_without_its_last_pixels_never_passes():
    data = encoded("WEBP", SIZE, xmp=b"x" * 20)
    for length in range(4, data.index(b"XMP ")):
        assert code_of(data[:length], framed=False) == "truncated"
        assert code_of(data[:length], framed=True) != "completed"
