"""Does SignStep read the text in a photo, within bounds, without downloading anything, and say what it lacks?"""

import builtins
import importlib.util
import io
import socket

import pytest
from django.core.exceptions import ImproperlyConfigured
from PIL import Image, ImageDraw, ImageFont

from jobs.imaging.gpu import check_answer
from jobs.imaging.model_step import ModelStep
from jobs.imaging.steps import SignStep
from jobs.imaging.steps import sign as module
from tests.jobs.imaging.steps.conftest import MEASUREMENT, photo

needs_ocr = pytest.mark.skipif(
    importlib.util.find_spec("rapidocr") is None, reason="rapidocr is not installed; ./run install ocr installs it"
)


@pytest.fixture(scope="module")
def step():
    loaded = SignStep()
    with pytest.MonkeyPatch.context() as patch:
        # Whatever would be downloaded fails.
        patch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it connects to something"))
        loaded.load()
    return loaded


def board(*lines, size=(640, 480), turned=None):
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((40, 60 + 90 * number), line, "black", ImageFont.load_default(54))
    options = {}
    if turned:
        image = image.transpose(turned)
        options["exif"] = Image.Exif()
        options["exif"][0x0112] = 6
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90, **options)
    return file


def texts(step, *files):
    answers = step.infer_batch([step.prepare(file, MEASUREMENT) for file in files])
    for answer in answers:
        check_answer(answer)
    return [[line["text"] for line in answer["lines"]] for answer in answers]


@needs_ocr
def test_the_lines_of_each_photo_are_read_from_the_top_to_the_bottom(step):
    found = texts(step, board("SHARMA KIRANA", "OLD MARKET"), board(), board("ZENITH"))
    assert found == [["SHARMA KIRANA", "OLD MARKET"], [], ["ZENITH"]]
    assert step.version.startswith("rapidocr 3.10.")


@needs_ocr
def test_each_line_has_its_score(step):
    (answer,) = step.infer_batch([step.prepare(board("ZENITH"), MEASUREMENT)])
    (line,) = answer["lines"]
    assert module.LEAST_SCORE <= line["score"] <= 1


@needs_ocr
def test_lines_of_a_low_score_are_left_out(step, monkeypatch):
    monkeypatch.setattr(step._reader, "lines", lambda _: [("A", 0.8), ("B", 0.79), ("C\0", 0.9), ("D" * 200, 1.0)])
    (answer,) = step.infer_batch([None])
    check_answer(answer)
    assert [line["text"] for line in answer["lines"]] == ["A", "C\\x00", "D" * (module.LONGEST_LINE - 1) + "…"]


@needs_ocr
def test_a_photo_is_read_upright(step):
    assert texts(step, board("SHARMA KIRANA", turned=Image.Transpose.ROTATE_90)) == [["SHARMA KIRANA"]]


@needs_ocr
def test_of_many_lines_the_tallest_are_read(step, monkeypatch):
    monkeypatch.setattr(step._reader, "_most", 2)
    image = Image.new("RGB", (640, 480), "white")
    draw = ImageDraw.Draw(image)
    for number, (text, size) in enumerate([("SMALL", 24), ("TALL", 80), ("LITTLE", 24), ("LARGE", 70)]):
        draw.text((40, 20 + 110 * number), text, "black", ImageFont.load_default(size))
    file = io.BytesIO()
    image.save(file, "PNG")
    assert texts(step, file) == [["TALL", "LARGE"]]


@needs_ocr
@pytest.mark.parametrize("size", [(1, 1), (3000, 2), (2, 3000), (64, 64)])
def test_a_photo_of_any_shape_is_read(step, size):
    assert texts(step, photo("gray", size)) == [[]]


@pytest.mark.parametrize(("size", "seen"), [((1920, 1440), (960, 720)), ((100, 80), (100, 80)), ((30, 20), (64, 64))])
def test_a_photo_is_shrunk_to_the_side_that_is_read(size, seen):
    assert SignStep().prepare(photo("gray", size), MEASUREMENT).size == seen


@pytest.mark.parametrize("missing", ["rapidocr", "numpy"])
def test_without_its_extra_the_start_ends_with_the_command_that_installs_it(settings, monkeypatch, missing):
    settings.GPU_STEP = "jobs.imaging.steps.SignStep"
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == missing or name == "jobs.imaging.steps.reader":
            raise ImportError(name=missing)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    step = ModelStep.from_settings()
    with pytest.raises(
        ImproperlyConfigured, match=rf"SignStep needs rapidocr and onnxruntime \({missing} is missing\)"
    ):
        step.start()
