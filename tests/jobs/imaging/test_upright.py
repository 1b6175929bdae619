"""Which pixels does a model see of a photo?"""

import io

import pytest
from PIL import Image, JpegImagePlugin

from jobs.imaging import upright as module
from jobs.imaging.upright import NotDecodable, upright

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 255)


def file_of(image, format_="PNG", **options):
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file


def whole(width, height):
    return 1


def corners(image):
    """The colours of the four corners, row by row."""
    right, bottom = image.width - 1, image.height - 1
    return [image.getpixel(at) for at in ((0, 0), (right, 0), (0, bottom), (right, bottom))]


def quarters(size=(160, 80)):
    image = Image.new("RGB", size, RED)
    middle = size[0] // 2, size[1] // 2
    image.paste(GREEN, (middle[0], 0, *size))
    image.paste(BLUE, (0, middle[1], *size))
    image.paste(WHITE, (*middle, *size))
    return image


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, [RED, GREEN, BLUE, WHITE]),
        (2, [GREEN, RED, WHITE, BLUE]),
        (3, [WHITE, BLUE, GREEN, RED]),
        (4, [BLUE, WHITE, RED, GREEN]),
        (5, [RED, BLUE, GREEN, WHITE]),
        (6, [BLUE, RED, WHITE, GREEN]),
        (7, [WHITE, GREEN, BLUE, RED]),
        (8, [GREEN, WHITE, RED, BLUE]),
        (9, [RED, GREEN, BLUE, WHITE]),
    ],
)
def test_a_photo_is_turned_as_its_camera_says(orientation, expected):
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = upright(file_of(quarters(), "JPEG", exif=exif, quality=100, subsampling=0), whole)
    assert seen.size == ((80, 160) if 5 <= orientation <= 8 else (160, 80))
    for found, wanted in zip(corners(seen), expected, strict=True):
        assert found == pytest.approx(wanted, abs=8)


def test_damaged_exif_leaves_a_photo_as_it_is():
    data = file_of(quarters(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xffgarbage")
    assert upright(data, whole).size == (160, 80)


def test_a_photo_is_shrunk_and_never_enlarged():
    file = file_of(Image.new("RGB", (800, 600)))
    assert upright(file, lambda width, height: 400 / max(width, height)).size == (400, 300)
    assert upright(file, lambda width, height: 2).size == (800, 600)
    assert upright(file_of(Image.new("RGB", (3000, 1))), lambda width, height: 100 / width).size == (100, 1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "LAB"])
def test_every_mode_becomes_red_green_and_blue(mode):
    if mode == "I;16":
        image = Image.new("I;16", (90, 60), 65535)
    elif mode == "LAB":
        image = Image.new("LAB", (90, 60), (255, 128, 128))
    else:
        image = Image.new("RGB", (90, 60), "white").convert(mode)
    file = file_of(image, "TIFF" if mode in ("CMYK", "LAB") else "PNG")
    seen = upright(file, lambda width, height: 0.5)
    assert (seen.mode, seen.size) == ("RGB", (45, 30))
    assert seen.getpixel((3, 3)) == pytest.approx((255, 255, 255), abs=2)


@pytest.mark.parametrize("mode", ["1", "P", "L"])
def test_what_is_shrunk_is_the_mean_of_what_was_there_whatever_the_mode(mode):
    image = Image.frombytes("L", (64, 64), bytes(255 * ((x + y) % 2) for x in range(64) for y in range(64)))
    seen = upright(file_of(image.convert(mode)), lambda width, height: 0.25)
    assert seen.getpixel((8, 8)) == pytest.approx((128, 128, 128), abs=2)


def test_what_is_transparent_is_white():
    assert upright(file_of(Image.new("RGBA", (8, 8), (0, 0, 0, 0))), whole).getpixel((0, 0)) == WHITE


def test_of_a_jpeg_no_more_pixels_are_decoded_than_needed(monkeypatch):
    decoded = []
    draft = JpegImagePlugin.JpegImageFile.draft

    def seen(image, mode, size):
        found = draft(image, mode, size)
        decoded.append(image.size)
        return found

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "draft", seen)
    file = file_of(Image.new("RGB", (1600, 1200), "gray"), "JPEG")
    assert upright(file, lambda width, height: 90 / width).size == (90, 68)
    assert decoded == [(200, 150)]


def test_a_picture_of_too_many_pixels_is_not_decoded(monkeypatch):
    file = file_of(Image.new("RGB", (100, 80)))
    monkeypatch.setattr(module, "MAX_DECODE_PIXELS", 8000)
    assert upright(file, whole).size == (100, 80)
    monkeypatch.setattr(module, "MAX_DECODE_PIXELS", 7999)
    with pytest.raises(NotDecodable, match="7,999 pixels"):
        upright(file, whole)


def test_what_is_no_picture_is_refused():
    with pytest.raises(NotDecodable):
        upright(io.BytesIO(b"no picture at all, whatever it says"), whole)
