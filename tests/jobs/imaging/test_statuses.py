"""What each HTTP status means for an image."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from jobs import errors
from proofs.world.fault_server import closing, response


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_status_that_may_pass_is_retried(fetch, server, evidence, status):
    with pytest.raises(errors.HTTPStatus) as caught:
        fetch(server.at("/", response(b"busy", f"{status} Busy")))
    assert caught.value.code == f"http_{status}"
    assert caught.value.retryable
    assert evidence.http_status == status


@pytest.mark.parametrize(
    "status", [101, 204, 206, 300, 304, 305, 306, 400, 401, 403, 404, 410, 418, 451, 501, 505, 599, 999]
)
def test_any_other_status_is_final(fetch, server, evidence, status):
    with pytest.raises(errors.HTTPStatus) as caught:
        fetch(server.at("/", closing(response(b"", f"{status} Whatever", "Location: /elsewhere"))))
    assert caught.value.code == f"http_{status}"
    assert not caught.value.retryable
    assert evidence.http_status == status
    assert evidence.redirects == []


def http_date(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("-5", 0),
        (" 7 ", 7),
        ("8\r\nRetry-After: 8", 8),
        ("8\r\nRetry-After: 9", 8),
        (lambda: http_date(90), 90),
        (lambda: http_date(-90), 0),
        (lambda: http_date(90).replace("GMT", "-0000"), 90),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_the_wait_that_a_server_asks_for_is_kept(fetch, server, monkeypatch, header, seconds, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    value = header if isinstance(header, str) else header()
    with pytest.raises(errors.HTTPStatus) as caught:
        fetch(server.at("/", response(b"", "503 Busy", f"Retry-After: {value}")))
    monkeypatch.undo()
    time.tzset()
    assert caught.value.retry_after == pytest.approx(seconds, abs=3)


@pytest.mark.parametrize("header", ["soon", "", "9" * 400, "9" * 5000, "1.5", "Mon, 99 Foo 2020 99:99:99 GMT", "²"])
def test_a_wait_that_cannot_be_read_is_none(fetch, server, header):
    with pytest.raises(errors.HTTPStatus) as caught:
        fetch(server.at("/", response(b"", "503 Busy", f"Retry-After: {header}")))
    assert caught.value.retry_after is None


def test_no_wait_asked_for_is_none(fetch, server):
    with pytest.raises(errors.HTTPStatus) as caught:
        fetch(server.at("/", response(b"", "429 Too Many Requests")))
    assert caught.value.retry_after is None
