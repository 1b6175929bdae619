"""Parts without which a picture can be shown: however large or damaged they are, they neither fail it nor cost much."""

import io
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from functools import lru_cache, partial

import pytest
from PIL import Image

from jobs import errors
from jobs.imaging.measure import measure
from proofs.pictures import Page, box, boxes, chunk, encoded, gif_with, jpeg_with, png_with, segment, tiff_of, tiff_with

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow warns of damage; a real process suppresses it
LEVELS = ("header", "complete", "decode")
XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 40
FULL = b"x" * 65_000


def measured(data: bytes, framed: bool = True, check: str = "complete"):
    return measure(io.BytesIO(data), framed=framed, check=check, max_pixels=500_000_000)


def damaged(kind: bytes, data: bytes) -> bytes:
    """A chunk with one wrong bit in its checksum."""
    good = chunk(kind, data)
    return good[:-1] + bytes((good[-1] ^ 1,))


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(kind + struct.pack("<L", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<L", len(body) + 4) + b"WEBP" + body


def webp_parts(**options) -> list[tuple[bytes, bytes]]:
    data, place, found = encoded("WEBP", **options), 12, []
    while place < len(data):
        kind, length = struct.unpack("<4sL", data[place : place + 8])
        found.append((kind, data[place + 8 : place + 8 + length]))
        place += 8 + length + length % 2
    return found


def webp_with(*chunks: tuple[bytes, bytes], flags: int = 0x2C) -> bytes:
    pixels = webp_parts()[0]
    return riff((b"VP8X", struct.pack("<L", flags) + b"\x27\0\0\x1d\0\0"), pixels, *chunks)


def webp_overrun() -> bytes:
    data = webp_with((b"EXIF", b"II*\0" + bytes(20)), flags=0x08)
    place = data.index(b"EXIF")
    return data[: place + 4] + b"\xff\xff\0\0" + data[place + 8 :]


def avif_with_exif(old: bytes, new: bytes) -> bytes:
    data = encoded("AVIF", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    assert data.count(old) == 1
    return data.replace(old, new)


def avif_with_lost_exif() -> bytes:
    """The list of items says that the Exif is behind the end of the file."""
    data = encoded("AVIF", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    items = boxes(boxes(data)[b"meta"][4:])[b"iloc"]
    place = data.index(items) + items.index(struct.pack(">HHH", 2, 0, 1)) + 6
    return data[:place] + struct.pack(">L", 10**6) + data[place + 4 :]


EXIF = b"Exif\0\0II*\0\x08\0\0\0"
LARGE = {
    "JPEG, 38 segments of XMP": lambda: jpeg_with(*[segment(0xE1, XMP + FULL)] * 38),
    "JPEG, extended XMP": lambda: jpeg_with(segment(0xE1, XMP + b"<x/>"), *[segment(0xE1, EXTENDED_XMP + FULL)] * 300),
    "JPEG, a profile of 12 MB": lambda: encoded(icc_profile=b"x" * 12_000_000),
    "JPEG, Exif in many segments": lambda: jpeg_with(*[segment(0xE1, EXIF + FULL)] * 100),
    "JPEG, a preview in many segments": lambda: jpeg_with(*[segment(0xE2, b"FPXR\0" + FULL)] * 100),
    "JPEG, Photoshop's resources": lambda: jpeg_with(*[segment(0xED, b"Photoshop 3.0\0" + b"8BIM" + FULL)] * 60),
    "JPEG, comments": lambda: jpeg_with(*[segment(0xFE, FULL)] * 100),
    "PNG, a profile": lambda: png_with(chunk(b"iCCP", b"a\0\0" + zlib.compress(b"x" * 3_000_000, 0))),
    "PNG, a text": lambda: png_with(chunk(b"tEXt", b"a\0" + b"x" * 5_000_000)),
    "PNG, a text that would be 50 MB": lambda: png_with(chunk(b"zTXt", b"a\0\0" + zlib.compress(b"a" * 50_000_000))),
    "PNG, an international text": lambda: png_with(chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(b"a" * 50_000_000))),
    "PNG, many texts": lambda: png_with(chunk(b"zTXt", b"a\0\0" + zlib.compress(b"a" * 1_000_000)) * 60),
    "PNG, a profile that would be 50 MB": lambda: png_with(chunk(b"iCCP", b"a\0\0" + zlib.compress(b"a" * 50_000_000))),
    "PNG, a preview behind the pixels": lambda: png_with(chunk(b"eXIf", b"x" * 5_000_000), after_header=False),
    "GIF, a comment": lambda: gif_with(b"!\xfe" + (b"\xff" + b"x" * 255) * 30_000 + b"\0"),
    "GIF, XMP": lambda: gif_with(
        b"!\xff\x0bXMP DataXMP" + b"<x/>" * 50_000 + b"\1" + bytes(range(255, -1, -1)) + b"\0"
    ),
    "TIFF, layers": lambda: tiff_of(Page(tags={37724: b"x" * 5_000_000})),
    "TIFF, a table that nobody needs": lambda: tiff_with((700, 3, 2**31, 8)),
    "WEBP, a profile": lambda: encoded("WEBP", icc_profile=b"x" * 5_000_000),
    "WEBP, Exif": lambda: encoded("WEBP", exif=b"x" * 5_000_000),
    "AVIF, a profile": lambda: encoded("AVIF", icc_profile=b"x" * 3_000_000),
    "AVIF, XMP": lambda: encoded("AVIF", xmp=b"x" * 3_000_000),
}
DAMAGED = {
    **{
        f"PNG, checksum of {kind.decode()}": partial(png_with, damaged(kind, data))
        for kind, data in {
            b"tEXt": b"a\0b", b"zTXt": b"a\0\0" + zlib.compress(b"b"), b"iTXt": b"a\0\0\0\0\0b",
            b"iCCP": b"a\0\0" + zlib.compress(b"b"), b"pHYs": bytes(9), b"tIME": bytes(7), b"eXIf": b"II*\0",
            b"gAMA": bytes(4), b"cHRM": bytes(32), b"sRGB": b"\0", b"bKGD": bytes(6), b"prVt": b"x",
        }.items()
    },
    "PNG, checksum behind the pixels": lambda: png_with(damaged(b"tEXt", b"a\0b"), after_header=False),
    "PNG, text that does not inflate": lambda: png_with(chunk(b"zTXt", b"a\0\0garbage")),
    "PNG, text of an unknown method": lambda: png_with(chunk(b"zTXt", b"a\0\7garbage")),
    "PNG, profile that does not inflate": lambda: png_with(chunk(b"iCCP", b"a\0\0garbage")),
    "PNG, empty profile": lambda: png_with(chunk(b"iCCP", b"")),
    **{
        f"PNG, short {kind.decode()}": partial(png_with, chunk(kind, b"\1"))
        for kind in (b"pHYs", b"gAMA", b"cHRM", b"tRNS", b"acTL", b"fcTL")
    },
    "PNG, an animation out of order": lambda: png_with(chunk(b"acTL", bytes(8)), chunk(b"fcTL", b"\xff" * 26)),
    "PNG, a frame without number": lambda: png_with(chunk(b"fdAT", b""), after_header=False),
    "JPEG, Exif": lambda: jpeg_with(segment(0xE1, b"Exif\0\0" + b"\xff" * 50)),
    "JPEG, Exif that points far away": lambda: jpeg_with(segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\x7f")),
    "JPEG, empty profile": lambda: jpeg_with(segment(0xE2, b"ICC_PROFILE\0")),
    "JPEG, half a profile": lambda: jpeg_with(segment(0xE2, b"ICC_PROFILE\0\1\2abc")),
    "JPEG, short JFIF": lambda: jpeg_with(segment(0xE0, b"JFIF\0")),
    "JPEG, short Adobe": lambda: jpeg_with(segment(0xEE, b"Adobe")),
    "JPEG, empty list of pictures": lambda: jpeg_with(segment(0xE2, b"MPF\0")),
    "JPEG, damaged list of pictures": lambda: jpeg_with(segment(0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 50)),
    "JPEG, Photoshop's resources": lambda: jpeg_with(segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed")),
    "GIF, unknown extension": lambda: gif_with(b"!\x42\x03abc\0"),
    "GIF, empty extensions": lambda: gif_with(b"!\xf9\0!\xff\0!\x01\0"),
    "GIF, short control": lambda: gif_with(b"!\xf9\1\1\0"),
    "GIF, a chain that ends twice": lambda: gif_with(b"!\xfe\1x\0\0"),
    "TIFF, description behind the end": lambda: tiff_with((270, 2, 100, 10**8)),
    "TIFF, software behind the end": lambda: tiff_with((305, 2, 100, 10**8)),
    "TIFF, resolution that is text": lambda: tiff_with(*((tag, 2, 4, 0x41414141) for tag in (282, 283, 296))),
    "TIFF, orientation that is text": lambda: tiff_with((274, 2, 4, 0x41414141)),
    "TIFF, Exif behind the end": lambda: tiff_with((34665, 4, 1, 10**8)),
    "TIFF, a field of no known type": lambda: tiff_with((700, 99, 1, 1)),
    "WEBP, Exif and profile": lambda: webp_with((b"EXIF", b"\xff" * 9), (b"ICCP", b"y"), (b"XMP ", b"z")),
    "WEBP, Exif that is announced and missing": lambda: webp_with(),
    "WEBP, Exif longer than the file": webp_overrun,
    "WEBP, unknown chunk": lambda: webp_with((b"ABCD", b"123"), flags=0),
    "AVIF, Exif": lambda: avif_with_exif(b"II*\0", b"\xff" * 4),
    "AVIF, Exif without a place": avif_with_lost_exif,
    "AVIF, unknown box": lambda: encoded("AVIF") + box(b"abcd", b"x"),
}  # fmt: skip


@lru_cache(maxsize=1)
def made(make: Callable[[], bytes]) -> bytes:
    """The levels at which a file is measured follow each other; to make it takes longer than that."""
    return make()


@pytest.mark.parametrize("check", LEVELS)
@pytest.mark.parametrize("kind", LARGE)
def test_a_large_optional_part_costs_little(kind, check):
    data = made(LARGE[kind])
    before = measured(encoded(size=(40, 30)), check=check)
    tracemalloc.start()
    started = time.thread_time()
    found = measured(data, check=check)
    took, (_, peak) = time.thread_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.width, found.height) == (before.width, before.height)
    assert took < 0.25
    # WebP and AVIF are handed to their decoders in one piece.
    assert peak < 2**20 + 3 * len(data) * kind.startswith(("WEBP", "AVIF"))


@pytest.mark.parametrize("check", LEVELS)
@pytest.mark.parametrize("framed", [True, False])
@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_optional_part_does_not_fail_an_image(kind, framed, check):
    found = measured(made(DAMAGED[kind]), framed=framed, check=check)
    assert (found.width, found.height, found.format) == (40, 30, kind.partition(",")[0])


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"IDAT"])
def test_a_wrong_checksum_of_the_picture_is_damage(kind):
    data = bytearray(encoded("PNG", mode="P"))
    place = data.index(kind)
    (length,) = struct.unpack(">L", data[place - 4 : place])
    data[place + 4 + length] ^= 1
    with pytest.raises(errors.CorruptImage):
        measured(bytes(data))
    with pytest.raises(errors.CorruptImage):
        measured(bytes(data), framed=False)


def test_a_phones_further_pictures_are_still_recognized():
    more = {"save_all": True, "append_images": [Image.new("RGB", (40, 30), "red")]}
    assert measured(encoded("MPO", **more)).format == "MPO"
    gain_map = segment(0xE1, XMP + b'<x hdrgm:Version="1.0"/>')
    assert measured(jpeg_with(gain_map, rest=encoded("MPO", **more)[2:])).format == "JPEG"
