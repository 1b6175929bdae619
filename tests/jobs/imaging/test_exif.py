"""What is read of a photo's Exif, and that nothing of a damaged or hostile one costs much."""

import contextlib
import io
import struct
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from jobs.imaging.exif import MAX_CAMERA, Exif, parse_exif, read_exif
from jobs.models.photo_evidence import MAX_CAMERA as MAX_STORED
from proofs.pictures import encoded, segment
from tests.jobs.imaging.exif_files import at, jpeg, png, shot, text, tiff, webp

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
GOOD = tiff({0x010F: text("Maker"), 0x0110: text("One")}, shot(offset="+05:30")["shot"], at())
FILES = {"JPEG": jpeg, "MPO": jpeg, "PNG": png, "WEBP": webp}


def read(data, format_="JPEG"):
    return read_exif(io.BytesIO(data), format_)


@pytest.mark.parametrize("format_", FILES)
def test_time_camera_and_place_are_read(format_):
    found = read(FILES[format_](GOOD), format_)
    assert found == Exif(NOON.replace(hour=6, minute=30), 330, "Maker One", 52.5, 13.25)


def test_what_pillow_has_written_is_read():
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2026:03:02 12:00:00"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "S", 2: (33.0, 51.0, 30.0), 3: "W", 4: (70.0, 30.0, 0.0)})
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif)
    found = read(file.getvalue())
    assert (found.taken_at, found.offset, found.camera) == (NOON, None, "Maker")
    assert (found.latitude, found.longitude) == pytest.approx((-33.858333, -70.5), abs=1e-6)


@pytest.mark.parametrize("order", "<>")
def test_both_orders_of_bytes_are_read(order):
    assert parse_exif(tiff({0x0110: text("M")}, shot()["shot"], at(), order)) == Exif(NOON, None, "M", 52.5, 13.25)


@pytest.mark.parametrize("format_", ["GIF", "TIFF", "BMP", "AVIF"])
def test_of_other_formats_none_is_read(format_):
    assert read(jpeg(GOOD), format_) == Exif()


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_a_file_without_exif_says_nothing(format_):
    assert read(encoded(format_), format_) == Exif()


def test_a_camera_is_maker_and_model_without_saying_the_maker_twice():
    def camera(make, model):
        return parse_exif(tiff({0x010F: text(make), 0x0110: text(model)})).camera

    assert camera("Canon", "Canon EOS R") == "Canon EOS R"
    assert camera("", "Phone") == "Phone"
    assert camera("Maker", "") == "Maker"
    assert camera("x" * 150, "y") == "x" * MAX_CAMERA
    assert camera("a\x07b\u00e9", "c") == "ab\ufffd\ufffd c"
    assert MAX_CAMERA == MAX_STORED


@pytest.mark.parametrize(
    ("taken", "offset", "expected"),
    [
        ("2026:03:02 12:00:00", None, (NOON, None)),
        ("2026:03:02 12:00:00", "Z", (NOON, None)),
        ("2026:03:02 12:00:00", "-00:30", (NOON.replace(minute=30), -30)),
        ("2026:03:02 12:00:00", "+14:00", (datetime(2026, 3, 1, 22, tzinfo=UTC), 840)),
        ("2026:03:02 12:00:00", "+14:01", (NOON, None)),
        ("0000:00:00 00:00:00", None, (None, None)),
        ("1999:12:31 23:59:59", None, (None, None)),
        ("2000:01:01 00:00:00", None, (datetime(2000, 1, 1, tzinfo=UTC), None)),
        ("2026:02:30 12:00:00", None, (None, None)),
        ("2026:03:02 24:00:00", None, (None, None)),
        ("2026-03-02 12:00:00", None, (None, None)),
        ("    :  :     :  :  ", None, (None, None)),
    ],
)
def test_times(taken, offset, expected):
    found = parse_exif(tiff(shot=shot(taken, offset)["shot"]))
    assert (found.taken_at, found.offset) == expected


def test_when_it_was_digitized_is_second_best():
    fields = {0x9003: text("0000:00:00 00:00:00"), 0x9004: text("2026:03:02 12:00:00"), 0x9012: text("+01:00")}
    found = parse_exif(tiff(shot=fields))
    assert (found.taken_at, found.offset) == (NOON.replace(hour=11), 60)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (at(), (52.5, 13.25)),
        (at(north="S", east="W"), (-52.5, -13.25)),
        (at((90, 0, 0), (180, 0, 0)), (90.0, 180.0)),
        (at((90, 0, 1)), (None, None)),
        (at((52, 0, 0), (180, 0, 1)), (None, None)),
        (at((0, 0, 0), (0, 0, 0)), (None, None)),
        (at((0, 0, 0), (1, 0, 0)), (0.0, 1.0)),
        (at(north="X"), (None, None)),
        (at(north=""), (None, None)),
        ({**at(), 2: (5, 3, [(1, 0), (1, 1), (1, 1)])}, (None, None)),
        ({**at(), 2: (5, 2, [(1, 1), (1, 1)])}, (None, None)),
        ({**at(), 2: (4, 1, 52)}, (None, None)),
        ({key: value for key, value in at().items() if key != 4}, (None, None)),
    ],
)
def test_places(place, expected):
    found = parse_exif(tiff(place=place))
    assert (found.latitude, found.longitude) == expected


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_of_a_damaged_one_something_or_nothing_is_read(place, byte):
    damaged = GOOD[:place] + bytes([byte]) + GOOD[place + 1 :]
    with contextlib.suppress(struct.error, ValueError):
        assert isinstance(parse_exif(damaged), Exif)


@given(st.binary(max_size=200))
def test_of_anything_else_too(data):
    for each in (data, b"II*\0" + data, b"MM\0*" + data):
        with contextlib.suppress(struct.error, ValueError):
            assert isinstance(parse_exif(each), Exif)


@given(st.binary(max_size=80))
def test_of_a_file_that_goes_on_with_anything(data):
    for format_, head in (("JPEG", b"\xff\xd8"), ("PNG", b"\x89PNG\r\n\x1a\n"), ("WEBP", b"RIFF\0\0\0\0WEBP")):
        with contextlib.suppress(struct.error, ValueError):
            assert isinstance(read(head + data, format_), Exif)


def test_many_fields_that_say_to_be_large_cost_nothing():
    """Each of the 5,000 names all of the 64 kB: who reads every field reads 300 MB."""
    entries = struct.pack("<HHII", 0x010F, 2, 65_000, 0) * 5_000
    hostile = b"II*\0\x08\0\0\0" + struct.pack("<H", 5_000) + entries
    begun = time.process_time()
    for _ in range(20):
        parse_exif(hostile)
    assert time.process_time() - begun < 1


def test_many_empty_segments_end_the_search():
    file = io.BytesIO(b"\xff\xd8" + segment(0xE1, b"") * 100_000 + b"\xff\xda")
    assert read_exif(file, "JPEG") == Exif()
    assert file.tell() < 10_000
