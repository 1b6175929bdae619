"""Which truncations and damages are noticed, at which level, and which of them are worth another download."""

import io
import random
import struct
from contextlib import suppress

import pytest

from jobs import errors
from jobs.imaging.measure import measure
from proofs.pictures import chunk, encoded, png_with, tiff_with

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow warns of damage; a real process suppresses it
WHOLE = {
    "JPEG": encoded(size=(300, 200)),
    "progressive JPEG": encoded(size=(300, 200), progressive=True),
    "MPO": encoded("MPO", size=(300, 200), save_all=True),
    "PNG": encoded("PNG", size=(300, 200)),
    "GIF": encoded("GIF", size=(300, 200), mode="P"),
    "WEBP": encoded("WEBP", size=(300, 200)),
    "lossless WEBP": encoded("WEBP", size=(300, 200), lossless=True),
    "TIFF": encoded("TIFF", size=(300, 200)),
    "LZW TIFF": encoded("TIFF", size=(300, 200), compression="tiff_lzw"),
    "BMP": encoded("BMP", size=(300, 200)),
    "AVIF": encoded("AVIF", size=(300, 200)),
}


def measured(data: bytes, framed: bool, check: str = "complete"):
    return measure(io.BytesIO(data), framed=framed, check=check, max_pixels=500_000_000)


@pytest.mark.parametrize("check", ["complete", "decode"])
@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("missing", [1, 2, 100, 0.5])
def test_a_file_cut_short_is_fetched_again_unless_http_proved_it_whole(kind, missing, check):
    data = WHOLE[kind]
    cut = data[: -missing if missing >= 1 else int(len(data) * missing)]
    with pytest.raises(errors.Truncated):
        measured(cut, framed=False, check=check)
    with pytest.raises((errors.CorruptImage, errors.NotAnImage)):
        measured(cut, framed=True, check=check)


def test_the_header_level_checks_only_the_header():
    for kind in ("JPEG", "PNG", "GIF", "TIFF", "BMP", "AVIF"):
        assert measured(WHOLE[kind][:-1], framed=False, check="header").width == 300


def test_nothing_at_all_is_fetched_again_unless_http_proved_it():
    with pytest.raises(errors.Truncated):
        measured(b"", framed=False)
    with pytest.raises(errors.NotAnImage):
        measured(b"", framed=True)


def test_a_thumbnails_end_is_not_taken_for_the_images():
    thumbnail = b"Exif\0\0" + encoded(size=(30, 20))
    data = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + WHOLE["JPEG"][2:]
    assert measured(data, framed=False).width == 300
    with pytest.raises(errors.Truncated):
        measured(data[:-2], framed=False)


@pytest.mark.parametrize("framed", [True, False])
def test_a_flipped_bit_in_a_png_is_damage(framed):
    data = bytearray(WHOLE["PNG"])
    data[len(data) // 2] ^= 1
    with pytest.raises(errors.CorruptImage, match="checksum"):
        measured(bytes(data), framed=framed)
    assert measured(bytes(data), framed=framed, check="header").width == 300


def test_a_png_without_its_last_chunk_is_damaged():
    with pytest.raises(errors.CorruptImage):
        measured(WHOLE["PNG"][:-12], framed=True)


def test_a_png_without_pixels_is_damaged():
    with pytest.raises(errors.CorruptImage):
        measured(png_with()[:33] + png_with()[-12:], framed=True)


def test_garbage_for_pixels_is_noticed_only_at_the_decode_level():
    data = png_with()[:33] + chunk(b"IDAT", b"garbage") + png_with()[-12:]
    assert measured(data, framed=True).width == 40
    with pytest.raises(errors.CorruptImage):
        measured(data, framed=True, check="decode")


def test_damage_inside_a_jpegs_pixels_is_noticed_at_no_level():
    # The documented limit: the decoder fills in pixels silently.
    data = bytearray(WHOLE["JPEG"])
    middle = len(data) * 3 // 4
    data[middle : middle + 8] = bytes(8)
    for check in ("header", "complete", "decode"):
        assert measured(bytes(data), framed=True, check=check).width == 300


@pytest.mark.parametrize("big", [False, True])
def test_a_tiffs_strips_must_lie_within_the_file(big):
    data = tiff_with(big=big)
    assert measured(data, framed=True).height == 30
    with pytest.raises(errors.CorruptImage):
        measured(data[:-1], framed=True)


def test_a_tiffs_strips_may_be_listed_in_a_field_or_outside_of_the_directory():
    size = len(tiff_with((278, 3, 1, 15)))
    first, second = size - 1200, size - 600
    inside = tiff_with((278, 3, 1, 15), (273, 3, 2, first | second << 16), (279, 3, 2, 600 | 600 << 16))
    lists = struct.pack("<LLLL", first + 16, second + 16, 600, 600)
    outside = tiff_with((278, 3, 1, 15), (273, 4, 2, first), (279, 4, 2, first + 8), data=lists)
    for data in (inside, outside):
        assert measured(data, framed=True, check="decode").height == 30
        with pytest.raises(errors.CorruptImage):
            measured(data[:-1], framed=True)


def test_a_bitmap_of_unknown_length_is_accepted():
    data = bytearray(encoded("BMP"))
    data[14:18] = struct.pack("<L", 12)  # an OS/2 header, whose fields are elsewhere
    data[18:26] = struct.pack("<HHHH", 40, 30, 1, 24)
    assert measured(bytes(data[:-1]), framed=True).width == 40


def test_boxes_of_an_avif_may_have_long_lengths_or_none():
    data = WHOLE["AVIF"]
    place = data.index(b"mdat") - 4
    (length,) = struct.unpack(">L", data[place : place + 4])
    assert place + length == len(data)
    assert measured(data[:place] + bytes(4) + data[place + 4 :], framed=True).width == 300
    long = data[:place] + struct.pack(">L4sQ", 1, b"mdat", length + 8) + data[place + 8 :]
    with pytest.raises((errors.CorruptImage, errors.NotAnImage)):
        measured(long[:-1], framed=True)


@pytest.mark.parametrize("kind", WHOLE)
def test_any_damage_ends_in_a_measurement_or_in_an_image_error(kind):
    draw = random.Random(kind)
    for _ in range(100):
        data = bytearray(WHOLE[kind])
        for _ in range(draw.choice((1, 2, 8))):
            place = draw.randrange(min(len(data), draw.choice((40, 400, len(data)))))
            harm = draw.choice((b"\0", b"\xff", b"\xff\xff\xff\xff", b"\0\0\0\0", draw.randbytes(4)))
            data[place : place + draw.choice((0, len(harm), 50))] = harm
        with suppress(errors.ImageError):
            measured(bytes(data), framed=draw.random() < 0.5, check=draw.choice(("header", "complete", "decode")))
