"""The images that the demo, the tests and the documentation share."""

import runpy

import pytest
from PIL import Image

from jobs.imaging.measure import measure
from tests import ROOT

SCRIPT = runpy.run_path(str(ROOT / "fixtures" / "make_images.py"))
FOLDER, PICTURES, make = SCRIPT["FOLDER"], SCRIPT["PICTURES"], SCRIPT["make"]
FORMATS = {
    "avif": "AVIF", "bmp": "BMP", "gif": "GIF", "jpg": "JPEG", "png": "PNG", "tiff": "TIFF", "webp": "WEBP",
}  # fmt: skip


def test_there_is_one_for_every_format():
    assert {name.rpartition(".")[2] for name in PICTURES} == set(FORMATS)
    assert {path.name for path in FOLDER.iterdir()} == set(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_each_is_a_good_image_of_its_size(name):
    with (FOLDER / name).open("rb") as file:
        measurement = measure(file, framed=False, check="decode", max_pixels=10**6)
    assert (measurement.width, measurement.height) == (PICTURES[name].width, PICTURES[name].height)
    assert measurement.format == FORMATS[name.rpartition(".")[2]]


def test_each_is_small():
    assert all(path.stat().st_size < 20_000 for path in FOLDER.iterdir())


def test_the_script_makes_the_same_ones_at_every_run(tmp_path):
    make(tmp_path / "one")
    make(tmp_path / "two")
    for name in PICTURES:
        first, second = ((tmp_path / folder / name).read_bytes() for folder in ("one", "two"))
        assert first == second
        with Image.open(tmp_path / "one" / name) as made, Image.open(FOLDER / name) as kept:
            assert (made.size, made.format) == (kept.size, kept.format)
