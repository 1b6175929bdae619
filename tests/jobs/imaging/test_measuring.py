"""The size and format of an image, for everything that phones and editors write."""

import io
import struct
import subprocess
import sys
from typing import Any

import pytest
from PIL import Image, ImageFile, JpegImagePlugin

from jobs import errors
from jobs.imaging.formats import jpeg
from jobs.imaging.measure import measure
from jobs.imaging.types import Measurement
from proofs.pictures import Page, box, encoded, jpeg_with, png_with, segment, tiff_of

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
# Pillow warns of damage; a real process suppresses it.
pytestmark = pytest.mark.filterwarnings("ignore")
LIMITS: dict[str, Any] = {"framed": True, "check": "complete", "max_pixels": 500_000_000}


def measured(data: bytes, **limits) -> Measurement:
    return measure(io.BytesIO(data), **(LIMITS | limits))


def orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def ftyp(*brands: bytes) -> bytes:
    """The first box of an ISO base media file: a major brand, and compatible ones."""
    return box(b"ftyp", brands[0], bytes(4), *brands[1:])


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
        pytest.param(encoded("AVIF", size=(400, 300))[:-5000], id="half an AVIF"),
        pytest.param(bytes(16), id="sixteen zeros"),
        pytest.param(b"\r\n", id="a line end"),
        pytest.param(b"<!-- served by cache 7 -->", id="a comment"),
        pytest.param(b"x", id="a letter"),
    ],
)
@pytest.mark.parametrize("check", ["complete", "decode"])
@pytest.mark.parametrize("format_", FORMATS)
def test_bytes_behind_the_end_are_no_fault(format_, trailer, check):
    for framed in (True, False):
        assert measured(encoded(format_) + trailer, check=check, framed=framed) == Measurement(40, 30, format_)


def test_an_end_marker_across_two_pieces_of_reading_is_found(monkeypatch):
    data = encoded()
    for tail in range(1, 6):
        monkeypatch.setattr(jpeg, "TAIL_BYTES", tail)
        assert measured(data + b"x" * 10) == Measurement(40, 30, "JPEG")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xd8", id="two bytes"),
        pytest.param(b"<!DOCTYPE html><title>Not found</title>", id="HTML"),
        pytest.param(b"RIFF\x24\0\0\0WAVEfmt ", id="a sound"),
        pytest.param(bytes(18) + b"TRUEVISION-XFILE.\0", id="TGA"),
        pytest.param(b"BMW price list, in PDF format", id="a text that begins like a bitmap"),
        pytest.param(b"GET free coffee", id="a text that begins like a video"),
        pytest.param(b'<?xml version="1.0"?><html><body><svg/></body></html>', id="a page with a drawing in it"),
    ],
)
def test_a_file_that_is_not_an_image_is_reported_as_such(data):
    for framed in (True, False) if data else (True,):
        with pytest.raises(errors.NotAnImage):
            measured(data, framed=framed)


@pytest.mark.parametrize("check", ["header", "complete", "decode"])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff\xd8\xff\xe0" + b"x" * 100, id="a JPEG's first bytes"),
        pytest.param(jpeg_with(segment(0xDB, b"\0short")), id="a JPEG's tables"),
        pytest.param(b"\x89PNG\r\n\x1a\n", id="a PNG's signature"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"x" * 100, id="a PNG's first bytes"),
        pytest.param(encoded("PNG").replace(b"IHDR\0\0\0\x28", b"IHDR\0\0\0\x29"), id="a PNG header's checksum"),
        pytest.param(png_with(width=0, height=5), id="no width"),
        pytest.param(b"GIF89a" + bytes(7) + b";", id="a GIF without a picture"),
        pytest.param(b"GIF89a" + b"\xff" * 100, id="a GIF's first bytes"),
        pytest.param(b"RIFF\x16\0\0\0WEBPABCD" + bytes(14), id="a WebP of something else"),
        pytest.param(b"II*\0" + b"\xff" * 100, id="a TIFF's first bytes"),
        pytest.param(tiff_of(Page(tags={257: 0})), id="a TIFF without height"),
        pytest.param(b"II*\0\x08\0\0\0\xff\xff" + bytes(100), id="a TIFF's directory"),
        pytest.param(b"BM" + bytes(60), id="a bitmap's first bytes"),
        pytest.param(b"\0\0\0\x14ftypavif\0\0\0\0avif" + b"\xff" * 100, id="an AVIF's first bytes"),
    ],
)
def test_a_file_that_begins_like_a_picture_is_damaged_if_it_is_none(data, check):
    with pytest.raises(errors.CorruptImage):
        measured(data, check=check)


def test_a_file_that_is_not_an_image_is_not_fetched_again():
    with pytest.raises(errors.NotAnImage):
        measured(b"<!DOCTYPE html><title>Not found</title>", framed=False)


def test_a_jpeg_that_leaves_its_height_for_later_is_not_measured():
    # T.81 allows DNL to define it after the first scan; Pillow does not read that far.
    data = encoded()
    place = data.index(b"\xff\xc0") + 5
    with pytest.raises(errors.UnsupportedFormat, match="says its height only behind its pixels"):
        measured(data[:place] + b"\0\0" + data[place + 2 :])


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (encoded().replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c"), "a JPEG of 12 bits a colour"),
        (encoded().replace(b"\xff\xc0\0\x11\x08", b"\xff\xc3\0\x11\x0e"), "a JPEG of 14 bits a colour"),
        (tiff_of(Page(tags={259: 34712})), "a TIFF whose pixels are stored in an unusual way"),
        (tiff_of(Page(tags={258: 7})), "a TIFF whose pixels are stored in an unusual way"),
        (b"BM" + struct.pack("<L4xLLllHHLL", 90, 54, 40, 40, 30, 1, 0, 5, 36) + bytes(60), "a bitmap with another"),
    ],
)
def test_a_kind_of_a_format_that_no_decoder_reads_is_not_called_damaged(data, name):
    with pytest.raises(errors.UnsupportedFormat, match=f"^The file is {name}"):
        measured(data)


def test_a_picture_in_a_tiff_is_measured_as_stored():
    assert measured(tiff_of(Page((40, 30), {274: 6}))) == Measurement(40, 30, "TIFF")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"%PDF-1.7\n", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        (b"\xc5\xd0\xd3\xc6\x1e\0\0\0", "PostScript"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b'\xef\xbb\xbf\n<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg/>', "SVG"),
        (b'<!-- made by hand --><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
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
        (encoded("SGI"), "SGI"),
        (b"BPG\xfb\0", "BPG"),
        (b"FLIF41", "FLIF"),
        (b"\xd7\xcd\xc6\x9a" + bytes(40), "a Windows metafile"),
        (b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(40), "a Windows metafile"),
        (bytes(128) + b"DICM" + bytes(40), "DICOM"),
        (ftyp(b"heic", b"mif1", b"heic"), "HEIC"),
        (ftyp(b"mif1", b"mif1", b"miaf", b"MiHB", b"heic"), "HEIC"),
        (ftyp(b"msf1", b"hevc"), "HEIC"),
        (ftyp(b"heim", b"mif1"), "HEIC"),
        (ftyp(b"mif1", b"miaf"), "HEIF"),
        (ftyp(b"avci", b"mif1"), "HEIF"),
        (ftyp(b"isom", b"iso2", b"avc1", b"mp41"), "an MP4 video"),
        (ftyp(b"mp42", b"isom"), "an MP4 video"),
        (ftyp(b"M4V ", b"mp42"), "an M4V video"),
        (ftyp(b"3gp4", b"isom"), "a 3GP video"),
        (ftyp(b"3g2a"), "a 3GP video"),
        (ftyp(b"qt  "), "a QuickTime video"),
        (b"\0\0\0\x08wide\0\0\0\x20mdat" + bytes(100), "a QuickTime video"),
        (b"\0\0\0\x20moov\0\0\0\x18mvhd" + bytes(100), "a QuickTime video"),
        (b"\0\0\0\x18stypmsdh\0\0\0\0msdhmsix" + bytes(100), "an MP4 video"),
        (b"RIFF\xff\0\0\0AVI LIST" + bytes(100), "an AVI video"),
        (b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x82\x84webm" + bytes(100), "a WebM video"),
        (b"\x1a\x45\xdf\xa3\xa3\x42\x86\x81\1\x42\x82\x88matroska" + bytes(100), "a Matroska video"),
        ((b"\x47\x40\0\x10" + b"\xff" * 184) * 10, "an MPEG video"),
        ((bytes(4) + b"\x47\x40\0\x10" + b"\xff" * 184) * 10, "an MPEG video"),
        (b"\0\0\1\xba\x44" + bytes(100), "an MPEG video"),
        (b"\x06\x0e\x2b\x34\2\5\1\1" + bytes(100), "an MXF video"),
        (b"FLV\1\5\0\0\0\x09" + bytes(100), "a Flash video"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c" + bytes(100), "a Windows Media video"),
        (b"OggS\0\2" + bytes(22) + b"\x80theora" + bytes(100), "an Ogg video"),
    ],
)
def test_another_format_is_named(data, name):
    for framed in (True, False):
        with pytest.raises(errors.UnsupportedFormat, match=rf"^The file is {name}, "):
            measured(data, framed=framed)


@pytest.mark.parametrize(
    "brands", [(b"avif",), (b"mif1", b"mif1", b"avif", b"miaf"), (b"miaf", b"avif"), (b"avif", b"heic", b"mif1")]
)
@pytest.mark.parametrize("check", ["header", "complete", "decode"])
def test_an_avif_may_have_several_brands_in_any_order(brands, check):
    old = encoded("AVIF")
    place = int.from_bytes(old[:4])
    new = ftyp(*brands, *[b"xxxx"] * (place // 4 - 4 - len(brands) + 1))
    assert len(new) == place
    assert measured(new + old[place:], check=check) == Measurement(40, 30, "AVIF")


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
    assert bare | {0x00} == jpeg._BARE_MARKERS
