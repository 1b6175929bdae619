"""Which numbers does a model get of a photo?"""

import io

import numpy
import pytest
from PIL import Image

from jobs.imaging.steps.tensors import MOST_SIDE, NORMALISATIONS, Layout, Tensors, UnusableShape
from tests.jobs.imaging.steps.conftest import photo

COLOUR = (200, 100, 50)
FIRST, LAST = Layout(8, 4, colours_first=True), Layout(8, 4, colours_first=False)


def numbers(file, layout=FIRST, normalisation="unit", resize="stretch"):
    return numpy.frombuffer(Tensors(layout, normalisation, resize).of(file), numpy.float32).reshape(layout.shape)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ([1, 3, 224, 320], Layout(320, 224, colours_first=True)),
        (["batch", 3, 10, 20], Layout(20, 10, colours_first=True)),
        ([-1, 3, 10, 20], Layout(20, 10, colours_first=True)),
        ([None, 10, 20, 3], Layout(20, 10, colours_first=False)),
        ([8, 3, MOST_SIDE, MOST_SIDE], Layout(MOST_SIDE, MOST_SIDE, colours_first=True)),
        # Colours last, of three rows.
        ([1, 3, 20, 3], Layout(20, 3, colours_first=False)),
    ],
)
def test_the_shape_of_an_input_says_where_its_colours_are(shape, expected):
    assert Layout.of(shape) == expected


@pytest.mark.parametrize(
    "shape",
    [
        [],
        [3, 224, 224],
        [1, 1, 224, 224],
        [1, 3, "height", "width"],
        [1, 3, -1, 224],
        [1, 4, 5, 6],
        [1, 3, MOST_SIDE + 1, 8],
        [1, 3, 8, 8, 8],
    ],
)
def test_other_shapes_are_not_usable(shape):
    with pytest.raises(UnusableShape, match="usable are"):
        Layout.of(shape)


@pytest.mark.parametrize(("name", "low", "high"), [("unit", 0, 1), ("signed", -1, 1), ("byte", 0, 255)])
def test_a_byte_becomes_a_number_between_two_bounds(name, low, high):
    assert numbers(photo("black", format_="PNG"), normalisation=name) == pytest.approx(low)
    assert numbers(photo("white", format_="PNG"), normalisation=name) == pytest.approx(high)


@pytest.mark.parametrize("name", sorted(NORMALISATIONS))
def test_each_colour_has_its_own_mean_and_deviation(name):
    means, deviations = NORMALISATIONS[name]
    found = numbers(photo(COLOUR, format_="PNG"), normalisation=name)
    for at in range(3):
        assert found[at] == pytest.approx((COLOUR[at] / 255 - means[at]) / deviations[at], abs=1e-4)


def test_colours_come_first_or_last():
    first, last = numbers(photo(COLOUR, format_="PNG")), numbers(photo(COLOUR, format_="PNG"), LAST)
    assert first.shape == (3, 4, 8)
    assert last.shape == (4, 8, 3)
    assert (first == last.transpose(2, 0, 1)).all()
    assert last[1, 2] * 255 == pytest.approx(COLOUR)


def stripes():
    """Red, green, blue, from the left to the right, twice as wide as high."""
    image = Image.new("RGB", (300, 150), "lime")
    image.paste("red", (0, 0, 75, 150))
    image.paste("blue", (225, 0, 300, 150))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file


def test_a_photo_is_stretched_cropped_or_padded_to_the_models_shape():
    square = Layout(60, 60, colours_first=True)
    stretched, cropped, padded = (numbers(stripes(), square, resize=how) for how in ("stretch", "crop", "pad"))
    assert stretched[:, 30, 2] == pytest.approx((1, 0, 0), abs=0.01)
    assert cropped[:, 30, 8] == pytest.approx((0, 1, 0), abs=0.01)
    assert padded[:, 30, 2] == pytest.approx((1, 0, 0), abs=0.01)
    assert padded[:, 2, 30] == pytest.approx(114 / 255, abs=0.01)


def test_a_small_photo_is_enlarged():
    assert numbers(photo(COLOUR, (2, 1), "PNG"))[0] * 255 == pytest.approx(COLOUR[0])
