"""What is kept of a photo at each level, and that no photo makes it fail."""

import hashlib
import io
import random

import pytest
from PIL import Image, ImageEnhance

from jobs.imaging import photo_evidence as module
from jobs.imaging import upright
from jobs.imaging.difference_hash import DifferenceHash, difference_hash
from jobs.imaging.likeness import MOST_DIFFERENT
from jobs.imaging.measure import measure
from jobs.imaging.photo_evidence import Level, photo_evidence
from jobs.imaging.pipeline import Pipeline
from jobs.imaging.types import Measurement
from proofs.pictures import encoded, png_with
from proofs.world.fault_server import response
from tests.jobs.imaging.exif_files import at, jpeg, tiff
from tests.jobs.imaging.test_look import shelf
from tests.jobs.imaging.test_pipeline import Model, claim


def file_of(image, format_="JPEG", **options):
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def photo():
    return shelf(size=(800, 600))


def seen(data, format_="JPEG", level=Level.LOOK):
    return photo_evidence(io.BytesIO(data), format_, level)


def distance(one, other):
    differing = ((a ^ b) & (2**64 - 1) for a, b in ((one.rows, other.rows), (one.columns, other.columns)))
    return sum(each.bit_count() for each in differing)


def test_each_level_keeps_more():
    data = jpeg(tiff(place=at()))
    off, hashed, header, look = (seen(data, level=level) for level in Level)
    assert off is None
    assert (hashed.sha256, hashed.exif, hashed.hash, hashed.look) == (hashlib.sha256(data).digest(), None, None, None)
    assert (header.exif.latitude, header.look) == (52.5, None)
    assert look.exif == header.exif
    assert look.hash is not None
    assert 0 < look.look.brightness < 255


def test_off_reads_nothing():
    assert photo_evidence(None, "JPEG", Level.OFF) is None


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_every_format_has_a_look_which_is_nearly_the_same(photo, format_):
    small = photo.resize((320, 240))
    data = file_of(small, format_)
    assert measure(io.BytesIO(data), framed=True, check="decode", max_pixels=10**6).format == format_
    found = seen(data, format_)
    assert distance(found.hash, seen(file_of(small, "PNG"), "PNG").hash) <= MOST_DIFFERENT


@pytest.mark.parametrize(
    "edit",
    [
        lambda image: image.resize((400, 300)),
        lambda image: image.resize((270, 203)),
        lambda image: ImageEnhance.Brightness(image).enhance(1.2),
        lambda image: ImageEnhance.Brightness(image).enhance(0.8),
        lambda image: image.convert("L"),
    ],
)
def test_an_edited_photo_has_nearly_the_same_hash(photo, edit):
    original = seen(file_of(photo, quality=90)).hash
    assert distance(original, seen(file_of(edit(photo), quality=60)).hash) <= MOST_DIFFERENT


def test_other_photos_have_another_hash_and_so_has_a_mirrored_one(photo):
    original = seen(file_of(photo)).hash
    others = [seen(file_of(shelf(seed, size=(400, 300)))).hash for seed in range(20, 30)]
    assert min(distance(original, each) for each in others) > 2 * MOST_DIFFERENT
    assert distance(original, seen(file_of(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT))).hash) > MOST_DIFFERENT


def test_a_hash_is_as_counted_by_hand():
    rising = Image.new("L", (9, 9))
    rising.putdata([10 * (index % 9) for index in range(81)])
    assert difference_hash(rising) == DifferenceHash(-1, 0)
    assert difference_hash(rising.transpose(Image.Transpose.ROTATE_90)) == DifferenceHash(0, 0)
    assert difference_hash(rising.transpose(Image.Transpose.ROTATE_270)) == DifferenceHash(0, -1)
    assert difference_hash(Image.new("L", (1, 1))) == DifferenceHash(0, 0)


def test_the_numbers_fit_into_a_bigint(photo):
    noise = random.Random(3)
    for _ in range(50):
        found = difference_hash(Image.frombytes("L", (16, 16), noise.randbytes(256)))
        assert all(-(2**63) <= each < 2**63 for each in (found.rows, found.columns))


def test_a_picture_that_takes_too_much_to_decode_has_no_look(monkeypatch, photo):
    data = file_of(photo)
    monkeypatch.setattr(upright, "MAX_DECODE_PIXELS", 800 * 600)
    assert seen(data).look is not None
    monkeypatch.setattr(upright, "MAX_DECODE_PIXELS", 800 * 600 - 1)
    assert seen(data).look is None
    assert seen(data).sha256


BROKEN = {
    "cut": lambda data: data[: len(data) // 2],
    "without its pixels": lambda data: data[:40],
    "empty": lambda data: b"",
    "with damaged Exif": lambda data: jpeg(b"II*\0\xff\xff\xff\xff"),
    "with Exif that is none": lambda data: jpeg(b"nothing"),
    "that says to have 500 megapixels": lambda data: png_with(width=25_000, height=20_000),
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
def test_a_broken_file_keeps_what_can_be_read(photo, how, format_):
    data = BROKEN[how](file_of(photo.resize((100, 80)), format_))
    found = seen(data, format_)
    assert found.sha256 == hashlib.sha256(data).digest()


def test_a_decoder_that_runs_out_of_memory_leaves_no_look(monkeypatch, photo):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(module, "grays", fail)
    found = seen(file_of(photo))
    assert (found.look, found.hash) == (None, None)


def test_a_file_that_cannot_be_read_leaves_no_evidence():
    class Gone(io.BytesIO):
        def seek(self, *_):
            raise OSError("gone")

    assert photo_evidence(Gone(b"x"), "JPEG", Level.LOOK) is None


def test_png_is_not_decoded_for_its_header(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded"))
    assert seen(encoded("PNG"), "PNG", Level.HEADER).exif is not None


@pytest.mark.parametrize("level", list(Level))
def test_the_pipeline_hands_it_on_and_measures_the_same(make_fetcher, server, level):
    data = jpeg(tiff(place=at()))
    with_evidence = Pipeline(make_fetcher(), Model(), check="complete", max_pixels=1_000_000, evidence=level)
    outcome = with_evidence.process(claim(server.at("/", response(data))))
    assert outcome.measurement == Measurement(40, 30, "JPEG")
    # The model gets the file from its first byte on all the same.
    assert outcome.gpu_result == {"bytes": len(data)}
    assert outcome.photo == seen(data, level=level)


def test_a_failed_image_has_none(make_fetcher, server):
    with_evidence = Pipeline(make_fetcher(), Model(), check="complete", max_pixels=100, evidence=Level.LOOK)
    outcome = with_evidence.process(claim(server.at("/", response(encoded()))))
    assert (outcome.error.code, outcome.photo) == ("too_many_pixels", None)
