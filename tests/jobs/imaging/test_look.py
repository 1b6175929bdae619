"""How does a photo look: bright or dark, flat, sharp?"""

from random import Random

import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from jobs.imaging.likeness import FLAT
from jobs.imaging.look import SIDE, Look, grays, look


def shelf(seed=7, size=(1280, 960)):
    """A picture with edges of many sizes, as a shelf has."""
    random = Random(seed)
    image = Image.new("RGB", size, (140, 130, 120))
    draw = ImageDraw.Draw(image)
    for _ in range(1500):
        x, y = random.randrange(size[0]), random.randrange(size[1])
        width, height = random.randrange(5, 90), random.randrange(5, 90)
        draw.rectangle((x, y, x + width, y + height), fill=tuple(random.randrange(256) for _ in range(3)))
    return image


@pytest.fixture(scope="module")
def photo():
    return shelf()


def test_one_gray_has_its_brightness_and_no_contrast_and_no_sharpness_can_be_told():
    assert look(Image.new("L", (640, 480), 77)) == Look(77, 0, None)


def test_half_black_half_white_is_the_most_contrast_there_is():
    image = Image.new("L", (200, 100))
    image.paste(255, (100, 0, 200, 100))
    seen = look(image)
    assert (seen.brightness, seen.contrast) == (127.5, 127.5)


def test_the_laplacian_of_a_known_picture_is_as_counted_by_hand():
    # Columns of 100 and 180 in turn: every Laplacian is 2 * 80 away from zero, and the deviation is 40.
    image = Image.new("L", (102, 52), 100)
    for x in range(0, 102, 2):
        image.paste(180, (x, 0, x + 1, 52))
    assert look(image).sharpness == pytest.approx(100 * 160**2 / 40**2)


def test_a_photo_is_dark_below_a_mean_of_fifty():
    assert look(Image.new("L", (9, 9), 49)).is_dark
    assert not look(Image.new("L", (9, 9), 50)).is_dark


def test_a_sharp_photo_is_not_called_blurred_not_even_darkened(photo):
    assert not look(photo).is_blurred
    dark = ImageEnhance.Brightness(photo).enhance(0.3)
    assert not look(dark).is_blurred
    assert look(dark).sharpness == pytest.approx(look(photo).sharpness, rel=0.05)


@pytest.mark.parametrize("brightness", [1, 0.5])
def test_a_blurred_photo_is_found(photo, brightness):
    blurred = photo.filter(ImageFilter.GaussianBlur(12))
    assert look(ImageEnhance.Brightness(blurred).enhance(brightness)).is_blurred


def test_a_photo_is_blurred_below_a_sharpness_of_three():
    assert Look(100, 40, 2.99).is_blurred
    assert not Look(100, 40, 3).is_blurred
    assert not Look(100, 5, None).is_blurred


def test_sharpness_falls_with_every_blur(photo):
    sharpness = [look(photo.filter(ImageFilter.GaussianBlur(radius))).sharpness for radius in (0, 2, 4, 8)]
    assert sharpness == sorted(sharpness, reverse=True)


def test_below_the_least_contrast_no_sharpness_is_told():
    image = Image.new("L", (100, 100), 100)
    image.paste(100 + 2 * FLAT, (50, 0, 100, 100))
    assert look(image).sharpness is not None
    image.paste(100 + 2 * FLAT - 1, (50, 0, 100, 100))
    assert look(image).sharpness is None


@pytest.mark.parametrize("size", [(1, 1), (2, 400), (1_000_000, 1), (1, 3000)])
def test_narrow_pictures_are_looked_at_without_sharpness(size):
    image = Image.new("L", size)
    image.paste(255, (0, 0, max(1, size[0] // 2), max(1, size[1] // 2)))
    assert look(image).sharpness is None


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F"])
def test_every_mode_is_looked_at(mode):
    image = Image.new("L", (64, 64), 255)
    source = image.convert("RGB").convert(mode) if mode in ("LAB", "HSV", "YCbCr") else image.convert(mode)
    assert look(source).brightness == pytest.approx(255, abs=1)


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B"])
def test_sixteen_bits_are_scaled_and_not_cut(mode):
    assert look(Image.new(mode, (10, 10), 128 * 256)).brightness == 128


def test_what_is_transparent_is_white():
    assert look(Image.new("RGBA", (10, 10), (0, 0, 0, 0))).brightness == 255
    palette = Image.new("P", (10, 10), 0)
    palette.info["transparency"] = 0
    assert look(palette).brightness == 255


def test_the_image_itself_stays_as_it_is(photo):
    before = photo.tobytes()
    look(photo)
    assert (photo.size, photo.mode, photo.tobytes()) == ((1280, 960), "RGB", before)


def test_grays_have_a_longest_side_and_are_not_enlarged(photo):
    assert grays(photo, SIDE).size == (256, 192)
    assert grays(photo.crop((0, 0, 30, 20)), SIDE).size == (30, 20)
    assert grays(photo.crop((0, 0, 2, 900)), SIDE).size == (1, 256)
