"""What does PhotoFacts say of a photo?"""

import io

import pytest
from PIL import ImageFilter

from jobs.imaging.gpu import check_answer
from jobs.imaging.steps import PhotoFacts
from tests.jobs.imaging.steps.conftest import MEASUREMENT, photo
from tests.jobs.imaging.test_look import shelf


def facts_of(file):
    answer = PhotoFacts().infer(file, MEASUREMENT)
    check_answer(answer)
    return answer


def saved(image):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file


def test_a_sharp_and_a_blurred_photo_are_told_apart():
    sharp, blurred = facts_of(saved(shelf())), facts_of(saved(shelf().filter(ImageFilter.GaussianBlur(12))))
    assert (sharp["dark"], sharp["blurred"]) == (False, False)
    assert (blurred["dark"], blurred["blurred"]) == (False, True)
    assert sharp["sharpness"] > 10 * blurred["sharpness"]


def test_of_a_flat_photo_nothing_is_said_of_its_sharpness():
    assert facts_of(photo((20, 20, 20))) == {
        "brightness": 20.0,
        "contrast": 0.0,
        "sharpness": None,
        "dark": True,
        "blurred": None,
    }


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_every_format_is_looked_at(format_):
    assert facts_of(photo((200, 200, 200), format_=format_))["brightness"] == pytest.approx(200, abs=2)


def test_a_damaged_photo_fails():
    data = saved(shelf()).getvalue()
    with pytest.raises(OSError, match="truncated"):
        facts_of(io.BytesIO(data[: len(data) // 2]))
