"""The log: JSON lines in a file that many processes share and another program rotates."""

import io
import json
import logging
import logging.config
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError

from jobs import errors
from jobs.engine.recorder import Recorder
from jobs.imaging.types import Claim
from jobs.queue import Recorded
from proofs.world.logs import read_log
from retail_pulse.logs.config import LogFileHandler, logging_config
from retail_pulse.logs.formatters import ECS_VERSION, TerminalLine
from tests import ROOT
from tests.factories import failure


@contextmanager
def logging_to(handler: str, config: Any, logger: str = "tests.logs") -> Iterator[logging.Handler]:
    """Let the logger write to the one handler, made from the configuration as Django makes it."""
    configurator = logging.config.DictConfigurator(config)
    options = dict(config["handlers"][handler])
    formatter = configurator.configure_formatter(config["formatters"][options.pop("formatter")])
    made = configurator.configure_handler(options)
    made.setFormatter(formatter)
    source = logging.getLogger(logger)
    before = source.level, source.propagate
    source.setLevel("INFO")
    source.propagate = False
    source.addHandler(made)
    try:
        yield made
    finally:
        source.removeHandler(made)
        source.setLevel(before[0])
        source.propagate = before[1]
        made.close()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "home" / "service.log"


@pytest.fixture
def logger(file) -> Iterator[logging.Logger]:
    with logging_to("file", logging_config("INFO", file)):
        yield logging.getLogger("tests.logs")


@pytest.fixture
def terminal() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    with logging_to("terminal", logging_config("INFO", None)) as handler:
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(stream)
        yield stream


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_line_carries_the_message_its_level_its_logger_its_time_and_the_ids(logger, file):
    logger.warning("attempt failed", extra={"job": 7, "image": 8, "attempt": 2, "worker": 9, "code": "http_404"})
    (line,) = lines(file)
    assert line.pop("@timestamp").endswith("Z")
    assert line == {
        "ecs.version": ECS_VERSION, "service.name": "retail-pulse", "process.pid": os.getpid(),
        "message": "attempt failed", "log.level": "warning", "log.logger": "tests.logs", "error.code": "http_404",
        "retail_pulse.job": 7, "retail_pulse.image": 8, "retail_pulse.attempt": 2, "retail_pulse.worker": 9,
    }  # fmt: skip


def test_the_engine_names_the_job_image_attempt_and_worker_of_a_failed_attempt(file):
    claim = Claim(image_id=8, job_id=7, claim_no=3, attempt=2, url="http://i.test/1")
    recorder = Recorder(9, on_recorded=print, on_moved=print, on_lost=print)
    with logging_to("file", logging_config("INFO", file), "jobs.engine.recorder"):
        recorder._log([failure(claim, errors.HTTPStatus(404))], Recorded(1, [claim], [7], [7], request_ids={7: "r-1"}))
    failed, stale, finished = read_log(file)
    assert {name: failed[name] for name in ("job", "image", "attempt", "worker", "code")} == {
        "job": 7, "image": 8, "attempt": 2, "worker": 9, "code": "http_404",
    }  # fmt: skip
    assert (stale["event"], stale["image"]) == ("stale outcome dropped", 8)
    assert (finished["event"], finished["job"], finished["worker"]) == ("job finished", 7, 9)
    assert {line["request_id"] for line in (failed, stale, finished)} == {"r-1"}


HOSTILE = 'x\n{"event": "forged", "level": "info"}\r\n\x00\x1b[31m\u2028\u0085'


def test_no_text_can_forge_a_second_line(logger, file):
    # Half a surrogate pair cannot be UTF-8; the runner's own capture of messages would fail on it too.
    url = HOSTILE + "\ud800"
    logger.info("message %s", HOSTILE, extra={"url": url, HOSTILE: "in a name"})
    logger.info("%s", HOSTILE)
    assert file.read_bytes().count(b"\n") == 2
    first, second = read_log(file)
    assert first["url"] == url
    assert second["event"] == HOSTILE


URL = "http://clerk:hunter2@images.test:8080/a/b.jpg?token=hunter2&x=1#hunter2"


def test_urls_are_written_without_their_secrets_wherever_they_occur(logger, file):
    logger.info(
        "fetched %s, then", URL, extra={"url": URL, "other": f"<{URL}> and '{URL}'", "database": "psql://u:hunter2@h/n"}
    )
    try:
        raise ValueError(URL)
    except ValueError:
        logger.exception("failed")
    assert "hunter2" not in file.read_text()
    first, second = read_log(file)
    assert first["url"] == "http://images.test:8080/a/b.jpg?…"
    assert first["database"] == "psql://h/n"
    assert "ValueError: http://images.test:8080/a/b.jpg?…" in second["exception"]


def test_the_terminal_hides_the_secrets_of_urls_too(terminal):
    try:
        raise ValueError(URL)
    except ValueError:
        logging.getLogger("tests.logs").exception("failed at %s", URL, extra={"url": URL})
    assert "hunter2" not in terminal.getvalue()
    assert terminal.getvalue().count("http://images.test:8080/a/b.jpg?…") == 3


@pytest.mark.parametrize("text", ["a//b?c", "x: y", "http:/one.slash?x", "the //path of http", "://?x"])
def test_what_is_not_a_url_is_left_unchanged(logger, file, text):
    logger.info("%s", text)
    assert read_log(file)[0]["event"] == text


def test_cutting_urls_down_takes_no_time_however_hostile_the_text(logger):
    for text in ("a." * 50_000, "http://" * 20_000, "a@" * 50_000, "http://" + "a" * 100_000 + "@", "?" * 100_000):
        logger.info("%s", text)


def test_a_request_is_logged_by_its_method_and_path_only(logger, file, rf):
    request = rf.get("/api/status", {"cursor": "hunter2"})
    logger.warning("Bad Request: %s", request.path, extra={"request": request, "status_code": 400})
    (line,) = read_log(file)
    assert (line["event"], line["method"], line["status"]) == ("Bad Request: /api/status", "GET", 400)
    assert "hunter2" not in file.read_text()


def test_no_text_steers_the_terminal_or_forges_a_line_on_it(terminal):
    url = HOSTILE + "\ud800"
    logging.getLogger("tests.logs").info("message %s", HOSTILE, extra={"url": url, HOSTILE: "in a name"})
    written = terminal.getvalue()
    assert written.count("\n") == 1
    assert written.removesuffix("\n").isprintable()
    assert r"\x1b[31m" in written
    assert r"ud800" in written


def test_no_exception_steers_the_terminal(terminal):
    try:
        raise ValueError("x\x1b[31m\r\x9b\u202e")
    except ValueError:
        logging.getLogger("tests.logs").exception("slot failed")
    assert r"ValueError: x\x1b[31m\r\x9b\u202e" in terminal.getvalue()
    assert terminal.getvalue().replace("\n", "").isprintable()


def test_a_traceback_stays_within_its_line(logger, file):
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logger.exception("slot failed")
    (line,) = read_log(file)
    assert line["error_type"] == "ValueError"
    assert line["exception"].startswith("Traceback (most recent call last):")
    assert "ValueError: x\n" in line["exception"]


@pytest.mark.parametrize("refusal", [PermissionDenied, BadRequest, SuspiciousOperation, MultiPartParserError])
def test_what_is_refused_is_logged_without_a_traceback(file, rf, settings, refusal):
    settings.DEBUG_PROPAGATE_EXCEPTIONS = False
    with logging_to("file", logging_config("INFO", file), "django"):
        convert_exception_to_response(raising(refusal("not for you")))(rf.get("/operations/"))
    (line,) = read_log(file)
    assert (line["error_type"], line["error"]) == (refusal.__name__, "not for you")
    assert "exception" not in line


def test_what_breaks_is_logged_with_a_traceback(file, rf, settings):
    settings.DEBUG_PROPAGATE_EXCEPTIONS = False
    with logging_to("file", logging_config("INFO", file), "django"):
        convert_exception_to_response(raising(ZeroDivisionError()))(rf.get("/operations/"))
    (line,) = read_log(file)
    assert line["exception"].startswith("Traceback (most recent call last):")


def raising(error: Exception) -> Callable[[HttpRequest], HttpResponse]:
    def view(request: HttpRequest) -> HttpResponse:
        raise error

    return view


def test_a_value_that_json_does_not_know_is_written_as_text(logger, file):
    logger.info("odd", extra={"path": Path("/tmp"), "set": {1}})
    (line,) = read_log(file)
    assert (line["path"], line["set"]) == ("/tmp", "{1}")


def test_a_file_moved_by_a_rotation_tool_is_followed(logger, file):
    logger.info("before")
    file.rename(file.with_suffix(".1"))
    logger.info("after")
    assert [line["event"] for line in read_log(file.with_suffix(".1"))] == ["before"]
    assert [line["event"] for line in read_log(file)] == ["after"]


def test_the_file_and_its_directory_are_made_at_the_first_line_and_not_before(logger, file):
    assert not file.parent.exists()
    logger.info("first")
    assert file.exists()


# Three processes that begin at the same moment; it ends with the number of those that failed.
WRITE = """
import logging, logging.config, os, sys
from pathlib import Path
from retail_pulse.logs.config import logging_config
logging.config.dictConfig(logging_config("INFO", Path(sys.argv[1])))
writers = []
for writer in range(3):
    writers.append(os.fork())
    if not writers[-1]:
        for number in range(100):
            logging.info("line", extra={"number": number, "writer": writer, "padding": "x" * 9000})
        os._exit(0)
sys.exit(sum(os.waitpid(writer, 0)[1] != 0 for writer in writers))
"""


def test_lines_of_several_processes_do_not_mix(file):
    subprocess.run([sys.executable, "-c", WRITE, str(file)], cwd=ROOT, stderr=subprocess.DEVNULL, check=True)
    written = read_log(file)
    for writer in range(3):
        assert [line["number"] for line in written if line["writer"] == writer] == list(range(100))


def test_without_a_file_only_the_terminal_is_written_to():
    assert list(logging_config("INFO", None)["handlers"]) == ["terminal"]


def test_the_level_holds_for_every_logger():
    assert logging_config("WARNING", None)["root"] == {"level": "WARNING", "handlers": ["terminal"]}


def test_without_a_terminal_a_line_has_no_colours(terminal):
    logging.getLogger("tests.logs").info("job finished", extra={"job": 7})
    assert terminal.getvalue().endswith("[tests.logs] job=7\n")
    assert "job finished" in terminal.getvalue()
    assert "\x1b" not in terminal.getvalue()


def test_the_terminal_is_coloured_where_somebody_looks_on():
    record = logging.makeLogRecord({"name": "tests.logs", "levelname": "WARNING", "msg": "host paused", "host": "a"})
    line = TerminalLine(colors=True).format(record)
    assert "\x1b[33m\x1b[1mwarning" in line
    assert re.sub(r"\x1b\[[0-9]+m", "", line) == TerminalLine(colors=False).format(record)


def test_a_stack_follows_the_line_on_the_terminal(terminal):
    logging.getLogger("tests.logs").warning("slot overdue", extra={"job": 7, "stack": "line 1\n  line 2"})
    assert terminal.getvalue().endswith("[tests.logs] job=7\nline 1\n  line 2\n")


def test_the_terminals_traceback_shows_no_local_variables(terminal):
    try:
        password = "".join(["hun", "ter2"])
        raise ValueError(len(password))
    except ValueError:
        logging.getLogger("tests.logs").exception("slot failed")
    assert "ValueError: 7" in terminal.getvalue()
    assert "hunter2" not in terminal.getvalue()


def test_the_services_own_handler_is_the_one_that_follows_rotation():
    config = logging_config("INFO", Path("service.log"))
    assert config["handlers"]["file"]["class"] == f"{LogFileHandler.__module__}.{LogFileHandler.__qualname__}"
    assert os.path.basename(config["handlers"]["file"]["filename"]) == "service.log"


def test_the_application_leaves_the_log_of_a_process_that_is_set_up_as_it_is():
    before = list(logging.getLogger().handlers)
    assert "application" in runpy.run_module("retail_pulse.wsgi")
    assert logging.getLogger().handlers == before
