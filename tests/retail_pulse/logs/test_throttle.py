"""Does half an hour without a database stay readable in the log?"""

import logging
import re
from pathlib import Path

import pytest

from retail_pulse.logs import throttle
from tests import ROOT


def line(name, message, **extra):
    record = logging.LogRecord(name, logging.WARNING, "", 0, message, None, None)
    record.__dict__.update(extra)
    return record


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(throttle, "monotonic", lambda: now[0])
    return now


def passed(filter_, *lines):
    return [filter_.filter(record) for record in lines]


def test_a_condition_is_logged_once_a_minute_with_how_often_it_was_left_out(clock):
    log = throttle.LogThrottle()
    again = [line("jobs.engine.threads", "engine starts over") for _ in range(4)]
    assert passed(log, *again[:3]) == [True, False, False]
    clock[0] += throttle.THROTTLE_SECONDS
    assert log.filter(again[3])
    assert again[3].left_out == 2
    clock[0] += throttle.THROTTLE_SECONDS
    assert log.filter(fresh := line("jobs.engine.threads", "engine starts over"))
    assert not hasattr(fresh, "left_out")


def test_just_before_the_minute_is_over_it_is_still_throttled(clock):
    log = throttle.LogThrottle()
    log.filter(line("retail_pulse.health", "not ready"))
    clock[0] += throttle.THROTTLE_SECONDS - 0.01
    assert not log.filter(line("retail_pulse.health", "not ready"))


def test_two_conditions_do_not_hide_each_other(clock):
    log = throttle.LogThrottle()
    assert passed(
        log,
        line("jobs.engine.epoch", "claiming again"),
        line("jobs.engine.epoch", "housekeeping again"),
        line("psycopg.pool", "error connecting in %r: %s"),
        line("psycopg.pool", "error connecting in %r: %s"),
    ) == [True, True, True, False]


def test_what_happens_to_one_image_is_always_logged(clock):
    log = throttle.LogThrottle()
    assert all(passed(log, *(line("jobs.engine.recorder", "stale outcome dropped", image=n) for n in range(50))))


def test_only_the_answer_503_is_a_condition(clock):
    log = throttle.LogThrottle()
    assert passed(log, *(line("django.request", "%s: %s", status_code=status) for status in (500, 500, 503, 503))) == [
        True,
        True,
        True,
        False,
    ]


def test_every_logger_named_here_exists_in_the_code_and_is_throttled():
    for name in throttle.LOGGERS:
        if not name.startswith(("django", "psycopg")):
            __import__(name)
        assert any(isinstance(filter_, throttle.LogThrottle) for filter_ in logging.getLogger(name).filters), name


def test_every_module_that_logs_a_condition_is_throttled():
    logged = re.compile(rf"""logger\.\w+\(\s*"(?:{"|".join(map(re.escape, throttle.CONDITIONS))})\"""")
    for app in ("access", "api", "dashboard", "insights", "jobs", "retail_pulse", "stores"):
        for file in (ROOT / app).rglob("*.py"):
            if logged.search(file.read_text()):
                assert ".".join(file.relative_to(ROOT).with_suffix("").parts) in throttle.LOGGERS, file


def test_every_condition_is_a_message_that_the_code_logs():
    apps = ("access", "api", "insights", "jobs", "retail_pulse")
    source = "".join(
        file.read_text()
        for app in apps
        for file in (ROOT / app).rglob("*.py")
        if file.resolve() != Path(throttle.__file__).resolve()
    )
    assert [message for message in throttle.CONDITIONS if f'"{message}"' not in source] == []
