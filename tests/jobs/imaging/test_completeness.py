"""Which truncations and damages are noticed, at which level, and which of them are worth another download."""

import io
import itertools
import random
import re
import struct
import zlib
from contextlib import suppress

import pytest
from PIL import Image

from jobs import errors
from jobs.imaging.measure import measure
from proofs.pictures import avif_of, chunk, encoded, png_with, segment, tiff_with

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
    if (kind, missing) == ("GIF", 1):
        return  # the trailer alone, see below
    with pytest.raises(errors.CorruptImage):
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


def scans_of(data: bytes) -> list[bytes]:
    """A progressive JPEG, cut before each segment behind its first scan."""
    places, place = [0], data.index(b"\xff\xda")
    while found := re.compile(rb"\xff[\xc4\xda\xd9]").search(data, place + 2):
        place = found.start()
        places.append(place)
    return [data[start:stop] for start, stop in itertools.pairwise([*places, len(data)])]


SCANS = scans_of(WHOLE["progressive JPEG"])
# With a thumbnail, or with any bytes that happen to be an end marker.
BETWEEN_SCANS = {
    "a comment": segment(0xFE, b"from \xff\xd9 to"),
    "a comment that ends with an end marker": segment(0xFE, b"\xff\xd9"),
    "a thumbnail": segment(0xE1, b"Exif\0\0" + encoded(size=(30, 20))),
    "the longest segment": segment(0xEF, bytes(65_000) + b"\xff\xd9"),
    "segments in a segment": segment(0xE5, segment(0xFE, b"\xff\xd9") * 9),
    "fill bytes before it": b"\xff" * 9 + segment(0xFE, b"\xff\xd9"),
}


@pytest.mark.parametrize("kind", BETWEEN_SCANS)
@pytest.mark.parametrize("behind", range(1, len(SCANS)))
def test_an_end_marker_in_a_segment_between_scans_is_not_the_images(kind, behind):
    between = BETWEEN_SCANS[kind]
    before, after = b"".join(SCANS[:behind]) + between, b"".join(SCANS[behind:])
    for tail in (b"", bytes(200_000), segment(0xE5, b"\xff\xd9" * 9), b"\xff\xe5\xff\xff"):
        assert measured(before + after + tail, framed=False, check="decode").width == 300
    for cut in (before, before[:-1], before[: before.rindex(b"\xff\xd9") + 2]):
        with pytest.raises(errors.Truncated):
            measured(cut, framed=False)
        with pytest.raises(errors.CorruptImage):
            measured(cut, framed=True)


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


def bitmap(pixels: bytes, bits: int, compression: int = 0, length: int = 0, header: int = 40, height: int = 30):
    """A bitmap of 40 x 30 pixels."""
    if header == 12:
        fields = struct.pack("<HHHH", 40, height, 1, bits)
    else:
        fields = struct.pack("<llHHLL16x", 40, height, 1, bits, compression, length).ljust(header - 4, b"\0")
    colours = bytes((3 if header == 12 else 4) << bits) if bits <= 8 else b""
    start = 14 + header + len(colours)
    return b"BM" + struct.pack("<L4xLL", start + len(pixels), start, header) + fields + colours + pixels


RUNS = (b"\x28\7\0\0" * 30) + b"\0\1"
BITMAPS = {
    "of OS/2": bitmap(bytes(120 * 30), 24, header=12),
    "of OS/2, with a palette": bitmap(bytes(40 * 30), 8, header=12),
    "of OS/2, second version": bitmap(bytes(120 * 30), 24, header=64),
    "top down": bitmap(bytes(120 * 30), 24, height=-30),
    "of 16 bits": bitmap(bytes(80 * 30), 16),
    "of 1 bit": bitmap(bytes(8 * 30), 1),
    "of a recent version": bitmap(bytes(160 * 30), 32, header=124),
    "of runs": bitmap(RUNS, 8, 1, len(RUNS)),
    "of runs of half bytes": bitmap(RUNS, 4, 2, len(RUNS)),
    "of runs without length": bitmap(RUNS, 8, 1),
    "of runs with a wrong length": bitmap(RUNS, 8, 1, 10**6),
}


@pytest.mark.parametrize("kind", BITMAPS)
def test_a_bitmap_of_any_kind_must_be_complete(kind):
    data = BITMAPS[kind]
    for check in ("header", "complete", "decode"):
        for tail in (bytes(3), *[b"<html>"] * (kind != "of runs with a wrong length")):
            assert measured(data + tail, framed=False, check=check).height == 30
    with pytest.raises(errors.Truncated):
        measured(data[:-1], framed=False)
    with pytest.raises(errors.CorruptImage):
        measured(data[:-1], framed=True)


ANIMATION = encoded("GIF", size=(300, 200), save_all=True, append_images=[Image.new("L", (300, 200), 9)] * 3)
BETWEEN_BLOCKS = {
    "no trailer": WHOLE["GIF"][:-1],
    "no trailer behind an animation": ANIMATION[:-1],
    "a control and no frame": WHOLE["GIF"][:-1] + b"!\xf9\4\0\0\0\0\0",
    "a comment and no trailer": WHOLE["GIF"][:-1] + b"!\xfe\1x\0",
    "zeros and no trailer": WHOLE["GIF"][:-1] + bytes(100_000),
    "something else and no trailer": WHOLE["GIF"][:-1] + b"<html>",
}
WITHIN_BLOCKS = {
    "the first frame": WHOLE["GIF"][:-2],
    "a later frame": ANIMATION[:-3],
    "a descriptor": WHOLE["GIF"][:-1] + b",\0\0\0",
    "a comment": WHOLE["GIF"][:-1] + b"!\xfe\x09abc",
    "before the first frame": encoded("GIF", mode="P", comment="b" * 600)[:1000],
}


@pytest.mark.parametrize("check", ["complete", "decode"])
@pytest.mark.parametrize("kind", BETWEEN_BLOCKS)
def test_a_gif_may_end_between_blocks_if_http_proved_it_whole(kind, check):
    assert measured(BETWEEN_BLOCKS[kind], framed=True, check=check).width == 300
    with pytest.raises(errors.Truncated):
        measured(BETWEEN_BLOCKS[kind], framed=False, check=check)


@pytest.mark.parametrize("kind", WITHIN_BLOCKS)
def test_a_gif_must_not_end_within_a_block(kind):
    with pytest.raises(errors.CorruptImage):
        measured(WITHIN_BLOCKS[kind], framed=True)
    with pytest.raises(errors.Truncated):
        measured(WITHIN_BLOCKS[kind], framed=False)


def test_a_chain_of_a_gif_may_end_twice():
    data = WHOLE["GIF"]
    assert measured(data[:-1] + b"\0" + data[-1:], framed=False, check="decode").width == 300
    animation = ANIMATION[:-1] + b"\0\0" + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
    assert measured(animation, framed=False).width == 300


def test_a_trailers_letter_within_a_frame_is_not_a_gifs_end():
    data = WHOLE["GIF"]
    place = data.rindex(b";", 0, -10) + 1
    with pytest.raises(errors.Truncated):
        measured(data[:place], framed=False)


@pytest.mark.parametrize("check", ["header", "complete", "decode"])
@pytest.mark.parametrize("layout", ["in idat", "before meta", "in two boxes", "behind"])
def test_the_pixels_of_an_avif_may_be_anywhere(layout, check):
    assert measured(avif_of(layout), framed=False, check=check).width == 40


@pytest.mark.parametrize("layout", ["in idat", "before meta", "in two boxes", "behind"])
@pytest.mark.parametrize("missing", [1, 30])
def test_an_avif_must_be_complete_wherever_its_pixels_are(layout, missing):
    data = avif_of(layout)[:-missing]
    with pytest.raises(errors.Truncated):
        measured(data, framed=False)
    with pytest.raises(errors.CorruptImage):
        measured(data, framed=True)


def test_an_avif_may_be_cut_between_its_boxes():
    data, ends, place = WHOLE["AVIF"], [], 0
    while (place := place + int.from_bytes(data[place : place + 4])) < len(data):
        ends.append(place)
    assert len(ends) == 2
    for end in ends:
        with pytest.raises(errors.Truncated):
            measured(data[:end], framed=False)
        with pytest.raises(errors.CorruptImage):
            measured(data[:end], framed=True)


def test_pixels_that_are_listed_behind_the_end_are_missing():
    data = bytearray(avif_of("in idat"))
    place = data.index(b"iloc") + 22
    (length,) = struct.unpack(">L", data[place : place + 4])
    data[place : place + 4] = struct.pack(">L", length + 1)
    with pytest.raises(errors.CorruptImage):
        measured(bytes(data), framed=True)


def test_a_webp_may_leave_out_its_last_padding_byte():
    pixels = encoded("WEBP")[20:] + b"\0"
    assert len(pixels) % 2
    short = b"RIFF" + struct.pack("<L4s4sL", len(pixels) + 12, b"WEBP", b"VP8 ", len(pixels)) + pixels
    for check in ("header", "complete", "decode"):
        assert measured(short, framed=False, check=check).height == 30
        assert measured(short + b"\0", framed=False, check=check).height == 30
    with pytest.raises(errors.Truncated):
        measured(short[:-1], framed=False)


def test_a_chunk_of_pixels_for_every_row_is_a_good_png():
    packer, rows = zlib.compressobj(), []
    for _ in range(3_000):
        rows.append(packer.compress(bytes(2)) + packer.flush(zlib.Z_SYNC_FLUSH))
    rows[-1] += packer.flush()
    header = struct.pack(">LLBBBBB", 1, 3_000, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunk(b"IDAT", row) for row in rows)
    assert measured(data + chunk(b"IEND", b""), framed=True, check="decode").height == 3_000


def test_boxes_of_an_avif_may_have_long_lengths_or_none():
    data = WHOLE["AVIF"]
    place = data.index(b"mdat") - 4
    (length,) = struct.unpack(">L", data[place : place + 4])
    assert place + length == len(data)
    assert measured(data[:place] + bytes(4) + data[place + 4 :], framed=True).width == 300
    with pytest.raises(errors.Truncated):
        measured(data[:place] + bytes(4) + data[place + 4 : -1], framed=False)
    long = data[:place] + struct.pack(">L4sQ", 1, b"mdat", length + 8) + data[place + 8 :]
    with pytest.raises(errors.CorruptImage):
        measured(long[:-9], framed=True)


@pytest.mark.parametrize("check", ["complete", "decode"])
@pytest.mark.parametrize("layout", ["behind", "in two boxes"])
@pytest.mark.parametrize("too_much", [1, 10**6])
def test_an_avif_may_announce_more_pixels_than_there_are_if_http_proved_it_whole(layout, check, too_much):
    data = bytearray(avif_of(layout))
    place = data.rindex(b"mdat") - 4
    (length,) = struct.unpack(">L", data[place : place + 4])
    data[place : place + 4] = struct.pack(">L", length + too_much)
    assert measured(bytes(data), framed=True, check=check).width == 40
    with pytest.raises(errors.Truncated):
        measured(bytes(data), framed=False, check=check)
    for missing in (1, length // 2):
        with pytest.raises(errors.CorruptImage):
            measured(bytes(data[:-missing]), framed=True, check=check)


@pytest.mark.parametrize("layout", ["before meta", "of an animation"])
def test_an_avif_that_announces_too_much_before_saying_where_its_pixels_are_is_cut(layout):
    frames = {"save_all": True, "append_images": [Image.new("RGB", (40, 30), 9)]}
    data = bytearray(avif_of(layout) if layout == "before meta" else encoded("AVIF", **frames))
    place = data.index(b"mdat") - 4
    data[place : place + 4] = struct.pack(">L", 10**6)
    with pytest.raises(errors.CorruptImage):
        measured(bytes(data), framed=True)


@pytest.mark.parametrize("tail", [b"\0\0\0\1abcd", b"\0\0\0\1mdax\0\0", b"\0\0\xff\xffmeta"])
def test_what_looks_like_a_box_behind_an_avif_is_no_fault(tail):
    assert measured(WHOLE["AVIF"] + tail, framed=False).width == 300


@pytest.mark.parametrize("too_much", [2, 8, 10**6])
def test_a_webp_may_announce_more_than_there_is_if_http_proved_it_whole(too_much):
    data = bytearray(WHOLE["WEBP"])
    data[4:8] = struct.pack("<L", len(data) - 8 + too_much)
    assert measured(bytes(data), framed=True, check="decode").width == 300
    assert measured(encoded("WEBP", xmp=b"x" * 100)[:-50], framed=True, check="decode").width == 40
    with pytest.raises(errors.Truncated):
        measured(bytes(data), framed=False)


@pytest.mark.parametrize(("bits", "compression"), [(32, 6), (32, 11), (8, 12), (4, 13), (2, 0), (64, 0)])
def test_a_bitmap_that_no_decoder_here_reads_is_not_called_damaged(bits, compression):
    with pytest.raises(errors.UnsupportedFormat, match="bitmap whose pixels are stored in an unusual way"):
        measured(bitmap(bytes(320 * 30), bits, compression, header=124), framed=True)


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
