"""The closed list of error codes, and what each says about another attempt."""

import inspect
import re

import pytest
from requests import RequestException

from jobs import errors
from jobs.errors import HTTPStatus, ImageError, all_errors, is_transient

ERRORS = [error for error in all_errors() if error is not HTTPStatus]
BRANCHES = ("FetchError", "MeasureError", "RuleViolated")
RETRIED = {
    "connection", "deadline", "dns_not_found", "dns_timeout", "gpu_failed", "internal", "protocol", "read_timeout",
    "tls", "truncated",
}  # fmt: skip


def test_every_class_is_either_a_branch_or_has_a_code():
    classes = {value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, ImageError)}
    # The last two use the codes of other errors.
    branches = {
        ImageError,
        errors.FetchError,
        errors.MeasureError,
        errors.RuleViolated,
        errors.HostPaused,
        errors.TooManyLookUps,
    }
    assert set(all_errors()) == classes - branches


def test_no_code_is_used_twice():
    codes = [error.code for error in all_errors()]
    assert len(codes) == len(set(codes))


def test_the_list_follows_the_drawing_which_leaves_none_out():
    drawn = re.findall(r"[├└]── (\w+) +(\w+)", errors.__doc__ or "")
    order = [name for name, _ in drawn if name not in BRANCHES]
    assert [error.__name__ for error in all_errors()] == order
    for name, code in drawn:
        if name not in (*BRANCHES, "HTTPStatus"):
            assert getattr(errors, name).code == code


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_every_code_has_a_sentence_and_fits_its_column(error):
    assert re.fullmatch(r"[a-z_]{1,32}", error.code)
    assert re.fullmatch(r"[A-Z].*[^.]\.", error.sentence)
    assert str(error()) == error.sentence
    assert str(error("Something else.")) == "Something else."


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_only_transient_errors_are_retried(error):
    assert error.retryable == (error.code in RETRIED)
    assert is_transient(error.code) == error.retryable


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_no_library_takes_an_error_for_its_own(error):
    assert not issubclass(error, (OSError, RequestException))


def test_a_status_is_retried_where_the_standard_says_that_a_second_request_may_succeed():
    retried = set()
    for status in range(100, 1000):
        error = HTTPStatus(status)
        assert error.code == f"http_{status}"
        assert str(status) in str(error)
        assert error.retryable == is_transient(error.code)
        if error.retryable:
            retried.add(status)
    assert retried == {408, 425, 429, 500, 502, 503, 504}


@pytest.mark.parametrize(
    ("error", "attempts", "limit", "expected"),
    [
        (errors.ReadTimeout(), 2, 3, True),
        (errors.ReadTimeout(), 3, 3, False),
        (errors.ReadTimeout(), 1, 1, False),
        # Errors that are rarely transient get one more attempt, however many MAX_ATTEMPTS allows.
        (errors.DNSNotFound(), 1, 3, True),
        (errors.DNSNotFound(), 2, 3, False),
        (errors.TLSFailed(), 2, 100, False),
        (errors.ProtocolViolation(), 2, 100, False),
        (errors.DNSNotFound(), 1, 1, False),
        (errors.NotAnImage(), 0, 100, False),
        (HTTPStatus(503), 2, 3, True),
        (HTTPStatus(404), 0, 3, False),
        # MAX_CRASHES has been reached, and a store stays unknown until it is imported.
        (errors.CrashLoop(), 0, 3, False),
        (errors.UnknownStore(), 0, 3, False),
        (errors.Skipped(), 0, 3, False),
        (errors.Canceled(), 0, 3, False),
    ],
)
def test_an_image_gets_another_attempt_up_to_the_limit_of_its_error(error, attempts, limit, expected):
    assert error.may_retry(attempts, limit) is expected


@pytest.mark.parametrize("code", ["", "unheard_of", "http_", "http_<status>", "http_abc", "xhttp_503", "http_503x"])
def test_an_unknown_code_is_not_transient(code):
    assert is_transient(code) is False


def test_an_error_keeps_the_seconds_that_a_server_asked_for():
    assert HTTPStatus(429, retry_after=7).retry_after == 7
    assert errors.ReadTimeout().retry_after is None


def test_a_persons_retry_can_help_transient_failures_and_images_never_tried():
    codes = errors.retryable_codes()
    assert {code for code in codes if not is_transient(code)} == {"skipped", "canceled"}
    assert {"deadline", "http_503", "connection"} <= set(codes)
    assert not {"http_404", "blocked", "unknown_store", "http_<status>"} & set(codes)
