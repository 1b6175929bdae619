"""Files made to cost more than their size suggests: they are refused cheaply, and the largest regular ones pass."""

import io
import os
import re
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from jobs import errors
from jobs.imaging import measure as measuring
from jobs.imaging.formats.picture import Ending
from jobs.imaging.formats.structure import walk
from jobs.imaging.measure import measure
from proofs.pictures import box, chunk, encoded, gif_with, jpeg_with, png_with, segment, tiff_with

EMPTY_APP = segment(0xE5, b"")

pytestmark = pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")

COMMENT = b"!\xfe\0"
AVIF = encoded("AVIF")[:32]
FRAME = b",\0\0\0\0\1\0\1\0\0\2\2D\1\0"
# Sixteen tables of quantization.
TABLE = (b"\0" + b"\1" * 64) * 16


def measured(data: bytes, check: str = "complete", max_pixels: int = 500_000_000):
    return measure(io.BytesIO(data), framed=True, check=check, max_pixels=max_pixels)


def jpeg_of(segments: int) -> bytes:
    good = encoded()
    own = count_segments(good)
    return jpeg_with(EMPTY_APP * (segments - own), rest=good[2:])


def count_segments(data: bytes) -> int:
    place, count = 2, 0
    while data[place + 1] != 0xDA:
        place += 2 + int.from_bytes(data[place + 2 : place + 4])
        count += 1
    return count


def tiff_of(entries: int) -> bytes:
    return tiff_with(*((1000 + n, 3, 1, 0) for n in range(entries - 8)))


# Made where used: together they are 150 MB, which every process that collects the tests would make and keep.
FITTING = {
    "JPEG segments": lambda: jpeg_of(2_000),
    "JPEG fill bytes": lambda: jpeg_with(b"\xff" * 2**15),
    "JPEG stray bytes": lambda: jpeg_with(EMPTY_APP, bytes(2**15)),
    "JPEG stray bytes and fill bytes": lambda: jpeg_with((EMPTY_APP + b"xyz\xff\xff") * 660),
    "JPEG tables": lambda: jpeg_with(*[segment(0xDB, TABLE)] * 250),
    "JPEG segments between scans": lambda: (
        encoded(size=(40, 30))[:-2] + EMPTY_APP * 16_382 + b"\xff\xd9" + bytes(2**16)
    ),
    "PNG chunks": lambda: png_with(chunk(b"teSt", b"") * 1_999),
    "PNG pieces": lambda: png_with(chunk(b"IDAT", b"") * 65_530, after_header=False),
    "GIF extensions": lambda: gif_with(COMMENT * 1_990),
    "GIF comment": lambda: gif_with(b"!\xfe" + b"\1x" * 65_000 + b"\0"),
    "GIF frames": lambda: encoded("GIF", size=(40, 30))[:-1] + FRAME * 5_000 + b";",
    "TIFF entries": lambda: tiff_of(2_000),
    "TIFF values": lambda: tiff_with((320, 3, 3 * 2**16, 8), data=bytes(6 * 2**16)),
    "AVIF boxes": lambda: encoded("AVIF") + b"\0\0\0\x08free" * 1_990,
}
TOO_COMPLEX = {
    "JPEG segments": lambda: jpeg_of(2_001),
    "JPEG, two million segments": lambda: jpeg_with(EMPTY_APP * 2_000_000),
    "JPEG fill bytes": lambda: jpeg_with(b"\xff" * (2**15 + 1)),
    "JPEG, 8 MB of fill bytes": lambda: jpeg_with(b"\xff" * 8_000_000),
    "JPEG stray bytes": lambda: jpeg_with(EMPTY_APP, bytes(2**15 + 1)),
    "JPEG junk": lambda: jpeg_with(b"\xff\xc8" + b"x" * 8_000_000),
    "JPEG junk behind a bare marker": lambda: jpeg_with(b"\xff\xf0\xff\xff" + b"x" * 70_000),
    "JPEG tables": lambda: jpeg_with(*[segment(0xDB, TABLE)] * 252),
    "JPEG segments between scans": lambda: encoded()[:-2] + EMPTY_APP * 16_384 + b"\xff\xd9" + bytes(2**16),
    "JPEG, two million segments between scans": lambda: encoded()[:-2] + EMPTY_APP * 2_000_000,
    "JPEG, 20 MB of tables": lambda: jpeg_with(*[segment(0xDB, TABLE * 60)] * 300),
    "PNG chunks": lambda: png_with(chunk(b"teSt", b"") * 2_000),
    "PNG, 200,000 chunks": lambda: png_with(chunk(b"teSt", b"") * 200_000),
    "PNG pieces": lambda: png_with(chunk(b"IDAT", b"") * 65_540, after_header=False),
    "PNG, a million pieces": lambda: png_with(chunk(b"IDAT", b"") * 1_000_000, after_header=False),
    "GIF extensions": lambda: gif_with(COMMENT * 2_001),
    "GIF, comments between frames": lambda: encoded("GIF", size=(40, 30))[:-1] + b"!\xfe" + b"\1x" * 1_100_000 + b"\0;",
    "GIF comment": lambda: gif_with(b"!\xfe" + (b"\xff" + b"x" * 255) * 90_000 + b"\0"),
    "TIFF entries": lambda: tiff_of(2_001),
    "BigTIFF entries": lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 10**6) + bytes(20 * 10**6),
    "TIFF values": lambda: tiff_with((320, 3, 3 * 2**16 + 1, 8)),
    "TIFF strips": lambda: tiff_with((324, 4, 2**16 + 1, 8)),
    "WebP chunks": lambda: b"RIFF" + struct.pack("<L", 8_000_004) + b"WEBP" + b"ABCD\0\0\0\0" * 10**6,
    "GIF, a million frames": lambda: encoded("GIF", size=(40, 30))[:-1] + FRAME * 10**6,
    "AVIF boxes in a box": lambda: AVIF + box(b"meta", bytes(4), b"\0\0\0\x08free" * 1_000_000),
    "AVIF items": lambda: (
        AVIF + box(b"meta", bytes(4), box(b"iinf", bytes(6), box(b"infe", b"\2", bytes(12)) * 200_000))
    ),
    "AVIF pieces": lambda: (
        AVIF + box(b"meta", bytes(4), box(b"iloc", b"\0\0\0\0\0\0\xff\xff", b"\0\1\0\0\xff\xff" * 65_000))
    ),
    "AVIF pieces in a box": lambda: (
        AVIF + box(b"meta", bytes(4), box(b"iloc", b"\1\0\0\0\0\0\xff\xff", b"\0\1\0\1\0\0\xff\xff" * 65_000))
    ),
    "AVIF list": lambda: AVIF + box(b"meta", bytes(4), box(b"iloc", bytes(2**20 + 1))),
    "AVIF boxes": lambda: b"\0\0\0\x14ftypavif\0\0\0\0avif" + b"\0\0\0\x08free" * 3_000_000,
}


@pytest.mark.parametrize("kind", FITTING)
def test_a_header_up_to_the_limits_is_read(kind):
    assert measured(FITTING[kind](), check="header").width == 40
    assert measured(FITTING[kind]()).width == 40


@pytest.mark.parametrize("kind", TOO_COMPLEX)
def test_a_header_beyond_the_limits_is_refused_without_much_work(kind):
    data = TOO_COMPLEX[kind]()
    started = time.thread_time()
    format_ = re.split("[ ,]", kind)[0].removeprefix("Big")
    with pytest.raises(errors.HeaderTooComplex, match=rf"^The {format_} has more than [0-9,]+ "):
        measured(data)
    assert time.thread_time() - started < 0.25


# Encoders at their quickest: it is the same for the walk.
QUICKLY = {"WEBP": {"method": 0}, "AVIF": {"speed": 10}}


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_the_walk_costs_little_on_a_usual_file(format_):
    file = io.BytesIO(encoded(format_, size=(1280, 960), **QUICKLY.get(format_, {})))
    took = []
    for _ in range(20):
        started = time.thread_time()
        found = walk(file)
        took.append(time.thread_time() - started)
        assert found is not None
        assert found.ending is Ending.WHOLE
    assert min(took) < 0.000_2


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png_with(width=65_500, height=65_500), id="PNG"),
        pytest.param(png_with(width=2**31 - 1, height=2**31 - 1), id="the largest PNG"),
        pytest.param(b"GIF89a\xff\xff\xff\xff" + encoded("GIF")[10:], id="GIF"),
        pytest.param(b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + b"\xff\xff\xff" * 2, id="WEBP"),
    ],
)
@pytest.mark.parametrize("check", ["header", "complete", "decode"])
def test_a_picture_of_too_many_pixels_is_refused_at_every_level(data, check):
    with pytest.raises(errors.TooManyPixels, match=r"more than 500,000,000 pixels"):
        measured(data, check=check)


def test_a_jpeg_of_too_many_pixels_is_refused():
    data = encoded()
    place = data.index(b"\xff\xc0") + 5
    with pytest.raises(errors.TooManyPixels):
        measured(data[:place] + b"\xff\xff\xff\xff" + data[place + 4 :])


@pytest.mark.parametrize(("size", "max_pixels"), [((40, 30), 1200), ((40, 30), 5000), ((1201, 1), 1201), ((1, 1), 1)])
def test_the_most_pixels_pass(size, max_pixels):
    assert measured(encoded(size=size), max_pixels=max_pixels).width == size[0]


def test_our_limit_overrides_pillows():
    assert measured(png_with(width=25_000, height=20_000)).width == 25_000


@pytest.mark.parametrize("max_pixels", [1, 599, 600, 601, 1199])
def test_one_pixel_more_is_too_many(max_pixels):
    with pytest.raises(errors.TooManyPixels):
        measured(encoded(size=(40, 30)), max_pixels=max_pixels)


def test_a_large_photo_passes_the_header_and_is_not_decoded():
    data = png_with(width=14_000, height=12_000)
    assert measured(data).width == 14_000
    with pytest.raises(errors.TooManyPixels, match=r"89,478,485"):
        measured(data, check="decode")


def test_the_most_pixels_are_decoded(monkeypatch):
    monkeypatch.setattr(measuring, "MAX_DECODE_PIXELS", 1200)
    assert measured(encoded(size=(40, 30)), check="decode").width == 40
    with pytest.raises(errors.TooManyPixels):
        measured(encoded(size=(40, 31)), check="decode")


LARGE_SIZE = 1600, 1200
STRIP = {278: LARGE_SIZE[1]}
LARGE = {
    "JPEG": lambda image: encoded_as(image, "JPEG", subsampling=0),
    "progressive JPEG": lambda image: encoded_as(image, "JPEG", subsampling=0, progressive=True),
    "progressive JPEG for printers": lambda image: encoded_as(image.convert("CMYK"), "JPEG", progressive=True),
    "PNG": lambda image: encoded_as(image.convert("RGBA"), "PNG", compress_level=1),
    "WebP": lambda image: encoded_as(image, "WEBP", method=0),
    "WebP with opacity": lambda image: encoded_as(with_opacity(image), "WEBP", method=0),
    "lossless WebP": lambda image: encoded_as(with_opacity(image), "WEBP", lossless=True, method=0, quality=0),
    "animated WebP": lambda image: encoded_as(image, "WEBP", method=0, save_all=True, append_images=[image.rotate(90)]),
    "GIF": lambda image: encoded_as(image.convert("P"), "GIF"),
    "TIFF of one strip": lambda image: encoded_as(
        image.convert("RGBA"), "TIFF", compression="tiff_lzw", tiffinfo=STRIP
    ),
    "TIFF of floating point": lambda image: encoded_as(
        image.convert("F"), "TIFF", compression="tiff_lzw", tiffinfo=STRIP
    ),
    "BMP": lambda image: encoded_as(image, "BMP"),
    "AVIF": lambda image: encoded_as(image, "AVIF", speed=10, subsampling="4:4:4"),
    "AVIF with opacity": lambda image: encoded_as(with_opacity(image), "AVIF", speed=10),
}
# Measures each file in its arguments; prints the largest memory that it took, in bytes, and what is allowed for it.
MEASURING = """
import sys
from pathlib import Path
from jobs.imaging.formats.structure import walk
from jobs.imaging.measure import measure

def memory(name):
    status = Path("/proc/self/status").read_text()
    return int(status.partition(name + ":")[2].split()[0]) * 1024

for name in (sys.argv[1], *sys.argv[1:]):  # once more, because the first of all loads what they have in common
    with open(name, "rb") as file:
        allowed = walk(file).picture.bytes_per_pixel
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
        before = memory("VmRSS")
        found = measure(file, framed=True, check="decode", max_pixels=10**9)
        print(Path(name).name, memory("VmHWM") - before, found.width * found.height * allowed)
"""


def encoded_as(image: Image.Image, format_: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def with_opacity(image: Image.Image) -> Image.Image:
    image = image.copy()
    image.putalpha(image.convert("L"))
    return image


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads its memory as Linux shows it")
def test_decoding_takes_no_more_memory_than_is_allowed_for_its_format(tmp_path):
    image = Image.linear_gradient("L").resize(LARGE_SIZE)
    image = Image.merge("RGB", (image, image.transpose(Image.Transpose.ROTATE_180), image))
    for kind, encode in LARGE.items():
        (tmp_path / kind).write_bytes(encode(image))
    ran = subprocess.run(
        [sys.executable, "-c", MEASURING, *(tmp_path / kind for kind in LARGE)],
        # Whatever is large is given back at once, so that each file is measured by itself.
        env=os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = [line.rsplit(maxsplit=2) for line in ran.stdout.splitlines()[1:]]
    assert [name for name, *_ in found] == list(LARGE)
    for name, taken, allowed in found:
        assert int(taken) <= int(allowed) + 2**20, name
        assert int(taken) >= int(allowed) / 5, name  # it was decoded


@pytest.mark.parametrize("kind", LARGE)
def test_what_takes_more_memory_than_that_is_not_decoded(kind, monkeypatch):
    data = LARGE[kind](Image.new("RGB", (40, 30)))
    structure = walk(io.BytesIO(data))
    monkeypatch.setattr(measuring, "MAX_DECODE_BYTES", 1200 * structure.picture.bytes_per_pixel)
    assert measured(data, check="decode").width == 40
    monkeypatch.setattr(measuring, "MAX_DECODE_BYTES", 1200 * structure.picture.bytes_per_pixel - 1)
    assert measured(data, check="complete").width == 40
    with pytest.raises(errors.TooManyPixels) as caught:
        measured(data, check="decode")
    assert str(caught.value) == (
        f"The image has more than 1,199 pixels, the most that are decoded of such a {structure.format}."
    )


def test_a_jpeg_whose_colours_follow_one_another_is_held_as_a_whole():
    kinds = encoded(size=(40, 30)), encoded(size=(40, 30), progressive=True), one_colour_a_scan()
    assert [walk(io.BytesIO(data)).picture.bytes_per_pixel for data in kinds] == [4, 10, 10]


def one_colour_a_scan() -> bytes:
    """A header that says so: a baseline JPEG, whose first scan has one of three components."""
    data = encoded(size=(40, 30))
    place = data.index(b"\xff\xda\0\x0c\3")
    return data[:place] + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + data[place + 14 :]


def test_only_a_few_pictures_are_decoded_at_once():
    places = measuring._decoders
    taken = 0
    while places.acquire(blocking=False):
        taken += 1
    decoding = threading.Thread(target=measured, args=(encoded(), "decode"))
    try:
        assert taken == max(1, (os.cpu_count() or 1) - 1)
        assert measured(encoded()).width == 40  # the other levels do not wait
        decoding.start()
        decoding.join(0.1)
        assert decoding.is_alive()
    finally:
        for _ in range(taken):
            places.release()
    decoding.join(30)
    assert not decoding.is_alive()
