"""The size and format of an image, for everything that phones and editors write."""

import io
import struct
import subprocess
import sys
from typing import Any

import pytest
from PIL import Image, ImageFile, JpegImagePlugin

from jobs import errors
from jobs.imaging import completeness
from jobs.imaging.measure import FORMATS, measure
from jobs.imaging.types import Measurement
from proofs.pictures import encoded, jpeg_with, png_with, segment

LIMITS: dict[str, Any] = {"framed": True, "check": "complete", "max_pixels": 500_000_000}


def measured(data: bytes, **limits) -> Measurement:
    return measure(io.BytesIO(data), **(LIMITS | limits))


def orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def frames(count: int) -> dict:
    return {"save_all": True, "append_images": [Image.new("RGB", (40, 30), "red")] * count}


@pytest.mark.parametrize("check", ["header", "complete", "decode"])
@pytest.mark.parametrize(
    ("data", "format_"),
    [
        *((encoded(format_), format_) for format_ in FORMATS),
        (encoded(progressive=True), "JPEG"),
        (encoded(mode="L"), "JPEG"),
        (encoded(mode="CMYK"), "JPEG"),
        (encoded(exif=orientation(6), size=(40, 30)), "JPEG"),
        (encoded(icc_profile=b"x" * 200_000), "JPEG"),
        (encoded(comment=b"\xff\xd9"), "JPEG"),
        (encoded("PNG", mode="P"), "PNG"),
        (encoded("PNG", mode="RGBA"), "PNG"),
        (encoded("PNG", mode="I;16"), "PNG"),
        (encoded("PNG", mode="1"), "PNG"),
        (encoded("PNG", **frames(3)), "PNG"),
        (encoded("GIF", mode="P"), "GIF"),
        (encoded("GIF", mode="P", comment="b" * 600), "GIF"),
        (encoded("GIF", **frames(3)), "GIF"),
        (encoded("WEBP", lossless=True), "WEBP"),
        (encoded("WEBP", mode="RGBA"), "WEBP"),
        (encoded("WEBP", **frames(3)), "WEBP"),
        (encoded("WEBP", exif=orientation(6)), "WEBP"),
        (encoded("TIFF", compression="tiff_lzw"), "TIFF"),
        (encoded("TIFF", compression="jpeg"), "TIFF"),
        (encoded("TIFF", mode="1", compression="group4"), "TIFF"),
        (encoded("TIFF", mode="CMYK"), "TIFF"),
        (encoded("TIFF", big_tiff=True), "TIFF"),
        (encoded("TIFF", **frames(3)), "TIFF"),
        (encoded("BMP", mode="P"), "BMP"),
        (encoded("BMP", mode="1"), "BMP"),
        (encoded("AVIF", mode="RGBA"), "AVIF"),
        (encoded("AVIF", **frames(3)), "AVIF"),
        (encoded("MPO", **frames(1)), "MPO"),
    ],
)
def test_a_good_image_is_measured_at_every_level(data, format_, check):
    assert measured(data, check=check) == Measurement(40, 30, format_)
    # An image from a server that does not declare its length must not be taken for truncated.
    assert measured(data, check=check, framed=False) == Measurement(40, 30, format_)


def test_the_perimeter_is_twice_width_and_height():
    assert measured(encoded(size=(640, 480))).perimeter == 2240
    assert measured(encoded(size=(1, 1))).perimeter == 4
    assert measured(encoded(size=(640, 480), exif=orientation(6))).perimeter == 2240


@pytest.mark.parametrize("size", [(1, 1), (65_000, 1), (1, 16_383)])
def test_thin_images_are_images(size):
    assert measured(encoded(size=size, mode="L")) == Measurement(*size, "JPEG")
    assert measured(png_with(width=1_000_000, height=1), check="header") == Measurement(1_000_000, 1, "PNG")


@pytest.mark.parametrize(
    "trailer",
    [
        pytest.param(b"\0" * 100_000, id="zeros"),
        pytest.param(b"\0\0\1\x0a\x0e\0\0\0Image_UTC_Data" + b"x" * 60 + b"SEFT", id="a phone's notes"),
        pytest.param(b"\0\0\0\x18ftypmp42" + bytes(range(250)) * 2000, id="a motion photo's video"),
        pytest.param(encoded(size=(400, 300)), id="a second picture"),
        pytest.param(encoded(size=(400, 300))[:-5000], id="half a second picture"),
    ],
)
def test_a_phone_may_append_data_to_a_jpeg(trailer):
    assert measured(encoded() + trailer) == Measurement(40, 30, "JPEG")


def test_an_end_marker_across_two_pieces_of_reading_is_found(monkeypatch):
    data = encoded()
    for tail in range(1, 6):
        monkeypatch.setattr(completeness, "TAIL_BYTES", tail)
        assert measured(data + b"x" * 10) == Measurement(40, 30, "JPEG")


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF", "BMP", "AVIF"])
def test_data_may_follow_other_formats_as_well(format_):
    assert measured(encoded(format_) + b"x" * 100).format == format_


@pytest.mark.parametrize("padding", [b"\0", b"\r\n", b"\n\0\0"])
def test_a_gif_may_be_padded(padding):
    assert measured(encoded("GIF") + padding).format == "GIF"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xd8", id="two bytes"),
        pytest.param(b"<!DOCTYPE html><title>Not found</title>", id="HTML"),
        pytest.param(b"RIFF\x24\0\0\0WAVEfmt ", id="a sound"),
        pytest.param(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", id="a video"),
        pytest.param(bytes(18) + b"TRUEVISION-XFILE.\0", id="TGA"),
        pytest.param(b"\xff\xd8\xff\xe0" + b"x" * 100, id="a JPEG's first bytes"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"x" * 100, id="a PNG's first bytes"),
        pytest.param(encoded("PNG").replace(b"IHDR\0\0\0\x28", b"IHDR\0\0\0\x29"), id="a PNG header's checksum"),
        pytest.param(png_with(width=0, height=5), id="no width"),
        pytest.param(b"GIF89a" + bytes(7) + b";", id="a GIF without a picture"),
    ],
)
def test_a_file_that_is_not_an_image_is_reported_as_such(data):
    with pytest.raises(errors.NotAnImage):
        measured(data)


def test_a_file_that_is_not_an_image_is_not_fetched_again():
    with pytest.raises(errors.NotAnImage):
        measured(b"<!DOCTYPE html><title>Not found</title>", framed=False)


def test_a_jpeg_that_leaves_its_height_for_later_is_not_measured():
    # T.81 allows DNL to define it after the first scan; Pillow does not read that far.
    data = encoded()
    place = data.index(b"\xff\xc0") + 5
    with pytest.raises(errors.NotAnImage):
        measured(data[:place] + b"\0\0" + data[place + 2 :])


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"%PDF-1.7\n", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        (b"\xc5\xd0\xd3\xc6\x1e\0\0\0", "PostScript"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b'\xef\xbb\xbf\n<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg/>', "SVG"),
        (encoded("ICO"), "ICO"),
        (encoded("ICNS", size=(16, 16)), "ICNS"),
        (encoded("PPM"), "PPM"),
        (encoded("PPM", mode="L"), "PGM"),
        (encoded("DDS"), "DDS"),
        (encoded("JPEG2000"), "JPEG 2000"),
        (b"\xff\x4f\xff\x51\0", "JPEG 2000"),
        (b"\xff\x0a\0", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(100), "HEIC"),
    ],
)
def test_another_format_is_named(data, name):
    with pytest.raises(errors.UnsupportedFormat, match=rf"^The file is {name}, "):
        measured(data)


def test_no_message_reveals_internals_of_this_process():
    for data in (b"", b"%PDF", encoded()[:20], encoded("PNG")[:40]):
        with pytest.raises(errors.ImageError) as caught:
            measured(data)
        assert "0x" not in str(caught.value)
        assert "BytesIO" not in str(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize("check", ["header", "complete", "decode"])
def test_a_wrong_header_is_believed_unless_every_pixel_is_decoded(check):
    data = png_with(width=400, height=300)
    if check == "decode":
        with pytest.raises(errors.CorruptImage):
            measured(data, check=check)
    else:
        assert measured(data, check=check) == Measurement(400, 300, "PNG")


def test_running_out_of_memory_is_not_blamed_on_the_image(monkeypatch):
    def refuse(*_, **__):
        raise MemoryError

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(MemoryError):
        measured(encoded())


def test_damaged_metadata_leaves_no_warnings():
    # In a separate process, because pytest has its own filters.
    directory = struct.pack("<4sLHHHLL", b"II*\0", 8, 1, 0x010F, 2, 5000, 60_000)
    data = jpeg_with(segment(0xE1, b"Exif\0\0" + directory), segment(0xE2, b"MPF\0" + directory))
    program = (
        "import io, sys; from jobs.imaging.measure import measure;"
        "measure(io.BytesIO(sys.stdin.buffer.read()), framed=True, check='complete', max_pixels=1200)"
    )
    done = subprocess.run([sys.executable, "-W", "always", "-c", program], input=data, capture_output=True, check=True)
    assert done.stderr == b""


def test_pillow_still_refuses_truncated_images():
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_the_markers_without_length_are_those_that_pillow_reads_without():
    bare = {marker & 0xFF for marker, (_, _, handler) in JpegImagePlugin.MARKER.items() if handler is None}
    assert bare | {0x00} == completeness._BARE_MARKERS
