"""Do the models in docs/model.md work as they are printed there?"""

import hashlib
import re
import threading
from http.server import ThreadingHTTPServer

from fixtures import make_model
from jobs.imaging.gpu import check_answer
from jobs.imaging.steps import HttpStep
from tests import ROOT
from tests.jobs.imaging.steps.conftest import MEASUREMENT, photo

BLOCKS = dict(
    re.findall(r"```python\n# (\w+)\.py.*?\n(.*?)```", (ROOT / "docs" / "model.md").read_text(), flags=re.DOTALL)
)


def defined(name):
    namespace = {}
    exec(compile(BLOCKS[name], name, "exec"), namespace)
    return namespace


def test_every_model_is_tried():
    assert sorted(BLOCKS) == ["batch_model", "echo_model", "shelf_model"]


def test_the_simple_model():
    answer = defined("shelf_model")["Brightness"]().infer(photo((10, 10, 10)), MEASUREMENT)
    check_answer(answer)
    assert answer == {"brightness": 10}


def test_the_model_of_batches():
    step = defined("batch_model")["Colours"]()
    step.load()
    answers = step.infer_batch([step.prepare(photo(colour, format_="PNG"), MEASUREMENT) for colour in ("red", "blue")])
    check_answer(answers[0])
    assert answers == [{"colour": [255, 0, 0]}, {"colour": [0, 0, 255]}]


def test_the_server(settings, monkeypatch):
    begun, servers = threading.Event(), []

    class Server(ThreadingHTTPServer):
        def __init__(self, address, handler):
            super().__init__((address[0], 0), handler)
            servers.append(self)

        def serve_forever(self):
            begun.set()
            super().serve_forever(0.01)

    monkeypatch.setattr("http.server.ThreadingHTTPServer", Server)
    thread = threading.Thread(target=defined, args=("echo_model",), daemon=True)
    thread.start()
    assert begun.wait(30)
    try:
        settings.GPU_URL = f"http://127.0.0.1:{servers[0].server_port}/predict"
        file = photo()
        answer = HttpStep().infer(file, MEASUREMENT)
    finally:
        servers[0].shutdown()
        servers[0].server_close()
        thread.join()
    assert answer == {"bytes": len(file.getvalue()), "model": "echo", "version": "1"}


def test_the_command_that_makes_a_model(tmp_path, capsys):
    make_model.main(tmp_path / "brightness.onnx")
    assert (tmp_path / "brightness.onnx").read_bytes() == make_model.brightness()
    assert (tmp_path / "brightness.txt").read_text() == "dark\nbright\n"


def test_the_models_version_is_the_one_that_is_printed():
    version = hashlib.sha256(make_model.brightness()).hexdigest()[:12]
    assert f'"version": "{version}"' in (ROOT / "docs" / "model.md").read_text()
