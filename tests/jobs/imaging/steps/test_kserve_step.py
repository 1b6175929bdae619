"""Does KServeStep speak the Open Inference Protocol's binary form with a server, and refuse what it cannot use?"""

import json
import struct
from collections.abc import Callable

import numpy
import pytest
from django.core.exceptions import ImproperlyConfigured

from jobs.imaging.batch import ModelAway
from jobs.imaging.gpu import AnswerRefused, load_steps
from jobs.imaging.sample import sample_file
from jobs.imaging.steps import KServeStep
from jobs.imaging.steps.remote import RemoteFailed
from tests.jobs.imaging.steps.conftest import MEASUREMENT, Drops, Reply, photo

PATH = "/v2/models/shelves"
WHITE = (255, 255, 255)


def described(datatype="FP32", shape=(-1, 3, 4, 8), **changes):
    model = {
        "name": "shelves",
        "versions": ["3"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "photo", "datatype": datatype, "shape": list(shape)}],
        "outputs": [{"name": "scores", "datatype": "FP32", "shape": [-1, 2]}],
    }
    return Reply(json.dumps({**model, **changes}).encode())


def binary(numbers=(0.25, 0.75), datatype="FP32", kind="f", **changes):
    data = struct.pack(f"<{len(numbers)}{kind}", *numbers)
    output = {"name": "scores", "datatype": datatype, "shape": [1, len(numbers)]}
    output["parameters"] = {"binary_data_size": len(data)}
    header = json.dumps({"model_name": "shelves", "model_version": "3", "outputs": [output | changes]}).encode()
    return Reply(header + data, headers={"Inference-Header-Content-Length": str(len(header))})


@pytest.fixture
def make_step(settings, model_server):
    def make(model=None, answer: Callable | None = None, path=PATH, labels=None, tmp_path=None) -> KServeStep:
        settings.GPU_URL = model_server.url + path
        settings.GPU_STEP_SECONDS = 10
        infers = answer or (lambda _: binary())
        model_server.answer = lambda asked: infers(asked) if asked.method == "POST" else (model or described())
        return KServeStep()

    return make


def sent(asked):
    """The header and the data of a request."""
    length = int(asked.headers["Inference-Header-Content-Length"])
    return json.loads(asked.body[:length]), asked.body[length:]


def test_numbers_are_sent_and_got_in_binary(make_step, model_server):
    step = make_step()
    answer = step.infer(photo(WHITE), MEASUREMENT)
    assert answer == {"vector": [0.25, 0.75], "model": "shelves", "version": "3"}
    described_by, asked = model_server.asked
    assert (described_by.method, described_by.path) == ("GET", PATH)
    assert (asked.method, asked.path) == ("POST", f"{PATH}/infer")
    header, data = sent(asked)
    assert header == {
        "inputs": [
            {
                "name": "photo",
                "shape": [1, 3, 4, 8],
                "datatype": "FP32",
                "parameters": {"binary_data_size": 3 * 4 * 8 * 4},
            }
        ],
        "outputs": [{"name": "scores", "parameters": {"binary_data": True}}],
    }
    assert numpy.frombuffer(data, "<f4") == pytest.approx(1, abs=0.01)


def test_the_server_is_asked_once_what_it_takes(make_step, model_server):
    step = make_step()
    for _ in range(3):
        step.infer(photo(), MEASUREMENT)
    assert [asked.method for asked in model_server.asked] == ["GET", "POST", "POST", "POST"]


def test_the_classes_are_named(make_step, settings, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("empty\nfull\n")
    settings.GPU_LABELS = str(labels)
    answer = make_step().infer(photo(), MEASUREMENT)
    assert answer["classes"] == [{"label": "full", "score": 0.75}, {"label": "empty", "score": 0.25}]


@pytest.mark.parametrize(("shape", "sides"), [([-1], [1]), ([-1, 1], [1, 1]), ([1], [1])])
def test_a_model_that_decodes_itself_gets_the_file_with_its_length(make_step, model_server, shape, sides):
    file = photo()
    make_step(described("BYTES", shape)).infer(file, MEASUREMENT)
    header, data = sent(model_server.asked[1])
    content = file.getvalue()
    assert header["inputs"][0]["shape"] == sides
    assert header["inputs"][0]["parameters"] == {"binary_data_size": len(content) + 4}
    assert data == struct.pack("<I", len(content)) + content


@pytest.mark.parametrize(("shape", "sides"), [([-1], [0]), ([-1, -1], [1, 0])])
def test_or_the_file_as_a_row_of_bytes(make_step, model_server, shape, sides):
    file = photo()
    make_step(described("UINT8", shape)).infer(file, MEASUREMENT)
    header, data = sent(model_server.asked[1])
    assert header["inputs"][0]["shape"] == [*sides[:-1], len(file.getvalue())]
    assert data == file.getvalue()


def test_one_version_of_a_model_may_be_named(make_step, model_server):
    step = make_step(path=f"{PATH}/versions/3/infer")
    assert step.infer(photo(), MEASUREMENT)["model"] == "shelves"
    assert model_server.asked[1].path == f"{PATH}/versions/3/infer"


@pytest.mark.parametrize(
    ("datatype", "kind", "numbers"),
    [("FP64", "d", (0.5, 2)), ("INT64", "q", (-7, 8)), ("UINT8", "B", (0, 255)), ("INT32", "i", (-1, 5))],
)
def test_an_answer_may_hold_any_numbers(make_step, datatype, kind, numbers):
    step = make_step(answer=lambda _: binary(numbers, datatype, kind))
    assert step.infer(photo(), MEASUREMENT)["vector"] == list(numbers)


def test_an_answer_in_json_is_read_too(make_step):
    reply = Reply(json.dumps({"outputs": [{"name": "scores", "datatype": "FP32", "data": [1, 2.5]}]}).encode())
    assert make_step(answer=lambda _: reply).infer(photo(), MEASUREMENT)["vector"] == [1, 2.5]


def test_another_output_before_the_one_that_is_kept_is_skipped(make_step):
    outputs = [
        {"name": "features", "datatype": "UINT8", "parameters": {"binary_data_size": 3}},
        {"name": "scores", "datatype": "FP32", "parameters": {"binary_data_size": 4}},
    ]
    header = json.dumps({"outputs": outputs}).encode()
    body = header + b"abc" + struct.pack("<f", 0.5)
    reply = Reply(body, headers={"Inference-Header-Content-Length": str(len(header))})
    assert make_step(answer=lambda _: reply).infer(photo(), MEASUREMENT)["vector"] == [0.5]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(b"{}"), "cannot be read"),
        (Reply(b'{"outputs": 3}'), "cannot be read"),
        (Reply(b'{"outputs": [3]}'), "cannot be read"),
        (Reply(b'{"outputs": []}'), "without the output"),
        (Reply(b'{"outputs": [{"name": "scores", "datatype": "FP32", "data": ["a"]}]}'), "cannot be read"),
        (Reply(b"{}", headers={"Inference-Header-Content-Length": "3"}), "wrong Inference-Header-Content-Length"),
        (Reply(b"{}", headers={"Inference-Header-Content-Length": "-1"}), "wrong Inference-Header-Content-Length"),
        (Reply(b"{}", headers={"Inference-Header-Content-Length": "9" * 5000}), "wrong Inference"),
        (binary(name="other"), "without the output"),
        (binary(datatype="FP16"), "cannot be read"),
        (binary(parameters={"binary_data_size": 9}), "cannot be read"),
        (binary(parameters={"binary_data_size": 7}), "cannot be read"),
        (binary(parameters={"binary_data_size": -1}), "cannot be read"),
        (binary(parameters={"binary_data_size": "8"}), "cannot be read"),
        (binary(parameters=8), "cannot be read"),
        (Reply(b"{}", status=400), "HTTP 400"),
    ],
)
def test_an_answer_that_cannot_be_read_is_a_failure(make_step, reply, reason):
    with pytest.raises(RemoteFailed, match=reason):
        make_step(answer=lambda _: reply).infer(photo(), MEASUREMENT)


def test_a_number_that_is_not_finite_is_refused(make_step):
    with pytest.raises(AnswerRefused, match="not finite"):
        make_step(answer=lambda _: binary((1, float("nan")))).infer(photo(), MEASUREMENT)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Reply(b"{}"), "one input"),
        (Reply(b"[]"), "no object"),
        (described(inputs=[]), "one input"),
        (described(inputs=[{}, {}]), "one input"),
        (described(outputs=[]), "one input"),
        (described(shape=(-1, 3, -1, -1)), "fixed height and width"),
        (described("FP16"), "its input is FP16"),
        (described("UINT8", (-1, 3, 4, 8)), "its input is UINT8"),
        (described("BYTES", (-1, 7)), "its input is BYTES"),
        (described("BYTES", ()), "its input is BYTES"),
        (Reply(b"{}", status=404), "HTTP 404"),
    ],
)
def test_for_a_model_that_cannot_be_used_no_image_is_to_blame(make_step, model, reason):
    with pytest.raises(ModelAway, match=reason):
        make_step(model).infer(photo(), MEASUREMENT)


def test_a_slot_that_waited_while_another_asked_in_vain_does_not_ask_as_well(make_step, model_server):
    class Busy:
        """A lock that another thread holds, and then gives back."""

        def acquire(self, blocking=True):
            return blocking

        def release(self):
            """Nothing."""

    step = make_step()
    step._lock = Busy()
    with pytest.raises(ModelAway, match="did not say"):
        step.infer(photo(), MEASUREMENT)
    assert model_server.asked == []


def test_a_server_that_comes_later_is_away_until_then(make_step, model_server):
    step = make_step(Reply(status=503))
    with pytest.raises(ModelAway):
        step.infer(photo(), MEASUREMENT)
    model_server.answer = lambda asked: binary() if asked.method == "POST" else described()
    assert step.infer(photo(), MEASUREMENT)["vector"] == [0.25, 0.75]


def test_an_image_without_an_answer_is_to_blame_where_the_sample_has_one(make_step):
    def answer(asked):
        if asked.body.endswith(sample_file()):
            return binary()
        raise Drops

    step = make_step(described("BYTES", (-1,)), answer)
    with pytest.raises(RemoteFailed, match="It answered for another image"):
        step.infer(photo(), MEASUREMENT)


def test_the_sample_of_a_model_of_numbers_is_made_of_numbers(make_step, model_server):
    bodies = []

    def answer(asked):
        bodies.append(asked.body)
        if len(bodies) < 3:
            raise Drops
        return binary()

    with pytest.raises(RemoteFailed, match="It answered for another image"):
        make_step(answer=answer).infer(photo(WHITE), MEASUREMENT)
    assert len({len(body) for body in bodies}) == 1
    assert bodies[0] == bodies[1] != bodies[2]


@pytest.mark.parametrize("path", ["/", "/v2/models/", "/v1/models/shelves:predict"])
def test_an_address_without_a_model_ends_the_start(settings, model_server, path):
    settings.GPU_URL, settings.GPU_STEP = model_server.url + path, "jobs.imaging.steps.KServeStep"
    with pytest.raises(ImproperlyConfigured, match="/v2/models/NAME"):
        load_steps()
