"""Does OnnxStep run any ONNX file, and say clearly which it cannot run?"""

import builtins
import hashlib

import pytest
from django.core.exceptions import ImproperlyConfigured

from fixtures.make_model import brightness
from jobs.imaging.gpu import AnswerRefused, load_steps
from jobs.imaging.model_step import ModelStep
from jobs.imaging.steps import OnnxStep
from tests.jobs.imaging.steps.conftest import MEASUREMENT, photo

DARK, BRIGHT, GRAY = (0, 0, 0), (255, 255, 255), (153, 153, 153)


def loaded():
    step = OnnxStep()
    step.load()
    return step


def answers_of(step, *colours):
    return step.infer_batch([step.prepare(photo(colour, format_="PNG"), MEASUREMENT) for colour in colours])


def best(answer):
    return answer["classes"][0]["label"], answer["classes"][0]["score"]


def test_a_model_of_any_number_of_images_answers_each_in_order(model):
    model()
    step = loaded()
    found = [best(one) for one in answers_of(step, DARK, BRIGHT, GRAY)]
    assert found == [("dark", 5), ("bright", 5), ("bright", pytest.approx(1, abs=1e-4))]
    assert answers_of(step) == []


@pytest.mark.parametrize("number", [1, 3, 4, 5, 9])
def test_a_model_of_a_fixed_number_gets_exactly_so_many(model, number):
    model(images=4)
    colours = [DARK if at % 2 else BRIGHT for at in range(number)]
    found = [best(one)[0] for one in answers_of(loaded(), *colours)]
    assert found == ["dark" if at % 2 else "bright" for at in range(number)]


@pytest.mark.parametrize(("images", "most"), [("any", 1), (4, 4)])
def test_on_a_processor_a_call_gets_one_image_or_as_many_as_the_model_takes(model, images, most):
    model(images=images)
    assert loaded().most == most


def test_a_model_whose_colours_come_last(model):
    model(colours_first=False)
    assert best(answers_of(loaded(), BRIGHT)[0]) == ("bright", 5)


def test_on_a_device_batches_are_filled_up_to_a_power_of_two(model):
    model()
    step = loaded()
    step._has_device = True
    sizes = []
    session = step._session
    step._session = type(
        "Session",
        (),
        {"run": lambda _, outputs, inputs: sizes.append(len(inputs["photo"])) or session.run(outputs, inputs)},
    )()
    for number in (1, 2, 3, 5, 8):
        assert len(answers_of(step, *[BRIGHT] * number)) == number
    assert sizes == [1, 2, 4, 8, 8]


def test_without_labels_the_answer_is_the_vector(model, settings):
    model(labels=())
    assert answers_of(loaded(), BRIGHT) == [{"vector": [-5.0, 5.0]}]
    settings.GPU_SOFTMAX = True
    assert answers_of(loaded(), GRAY)[0]["vector"] == pytest.approx([0.119203, 0.880797], abs=1e-4)


def test_the_answer_names_the_file_and_its_content(model, settings):
    model()
    step = loaded()
    assert (step.name, step.version) == ("brightness", hashlib.sha256(brightness()).hexdigest()[:12])


def test_a_number_that_is_not_finite_is_refused(model):
    # Half becomes zero, and the difference from it a quotient.
    model(content=brightness().replace(b"Sub", b"Div").replace(b"\0\0\0?", bytes(4)))
    step = loaded()
    with pytest.raises(AnswerRefused, match="not finite"):
        answers_of(step, DARK)


def test_a_photo_that_cannot_be_decoded_fails_alone(model):
    model()
    step = loaded()
    cut = photo(size=(800, 600))
    cut.truncate(len(cut.getvalue()) // 2)
    with pytest.raises(OSError, match="truncated"):
        step.prepare(cut, MEASUREMENT)
    assert len(answers_of(step, BRIGHT)) == 1


def test_no_file_is_named(settings):
    settings.GPU_MODEL, settings.GPU_STEP = "", "jobs.imaging.steps.OnnxStep"
    with pytest.raises(ImproperlyConfigured, match="GPU_MODEL is unset"):
        load_steps()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"content": b"no model"}, "no model that can be run"),
        ({"side": "any"}, r"usable are \[images, 3, height, width\]"),
        ({"element": 10}, "no model that can be run|usable is one input of float32"),
    ],
)
def test_a_file_that_cannot_be_run_is_named_with_the_reason(model, options, reason):
    model(**options)
    with pytest.raises(ImproperlyConfigured, match=f"GPU_MODEL=.*brightness.onnx: .*({reason})"):
        loaded()


def test_a_missing_file_is_named(settings, tmp_path):
    settings.GPU_MODEL = str(tmp_path / "none.onnx")
    with pytest.raises(ImproperlyConfigured, match=r"none.onnx: it cannot be read \(No such file"):
        loaded()


def test_labels_that_do_not_fit_end_the_start(model, settings):
    model(labels=["one"])
    settings.GPU_STEP = "jobs.imaging.steps.OnnxStep"
    step = ModelStep.from_settings()
    with pytest.raises(ImproperlyConfigured, match="2 numbers, but GPU_LABELS has 1 lines"):
        step.start()


def test_without_its_extra_the_start_ends_with_the_command_that_installs_it(model, settings, monkeypatch):
    model()
    settings.GPU_STEP = "jobs.imaging.steps.OnnxStep"
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "onnxruntime":
            raise ImportError(name=name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    step = ModelStep.from_settings()
    with pytest.raises(ImproperlyConfigured, match=r"OnnxStep needs onnxruntime; .* installs it"):
        step.start()
