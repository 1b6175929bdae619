"""What a code means to a person, and whether a retry can help."""

import http
import re

import pytest

from jobs import errors
from jobs.error_help import ADVICE, FAMILIES, Retry, explain, explanations
from jobs.errors import HTTPStatus, all_errors, is_transient, retryable_codes

ERRORS = [error for error in all_errors() if error is not HTTPStatus]
STATUSES = [status for status in range(100, 1000) if status != 200]


def reads_well(text: str) -> bool:
    """One to three whole sentences on one line, short enough to be read."""
    return bool(re.fullmatch(r"[A-Z][^\n]{20,260}\.", text)) and "  " not in text and len(re.findall(r"\. ", text)) <= 2


def test_every_code_has_advice_and_nothing_else_has():
    assert set(ADVICE) == set(all_errors())


@pytest.mark.parametrize("advice", [*ADVICE.values(), *(family.advice for family in FAMILIES)])
def test_advice_is_a_few_plain_sentences(advice):
    assert reads_well(advice)


def test_no_two_codes_have_the_same_advice():
    texts = [*ADVICE.values(), *(family.advice for family in FAMILIES)]
    assert len(texts) == len(set(texts))


def test_every_setting_that_is_named_exists(settings):
    for name in re.findall(r"[A-Z]+(?:_[A-Z]+)+", " ".join(ADVICE.values()) + str(FAMILIES)):
        assert hasattr(settings, name)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_a_code_is_explained_by_its_own_sentence_and_advice(error):
    found = explain(error.code)
    assert (found.code, found.sentence, found.advice) == (error.code, error.sentence, ADVICE[error])


def test_the_explanations_follow_the_order_of_the_errors():
    assert [each.code for each in explanations()] == [error.code for error in ERRORS]


@pytest.mark.parametrize(
    ("code", "retry"),
    [
        ("read_timeout", Retry.AUTOMATIC),
        ("dns_not_found", Retry.AUTOMATIC),
        ("internal", Retry.AUTOMATIC),
        ("http_503", Retry.AUTOMATIC),
        ("http_429", Retry.AUTOMATIC),
        ("skipped", Retry.ON_REQUEST),
        ("canceled", Retry.ON_REQUEST),
        ("http_404", Retry.AFTER_REPAIR),
        ("http_501", Retry.AFTER_REPAIR),
        ("blocked", Retry.AFTER_REPAIR),
        ("crash_loop", Retry.AFTER_REPAIR),
        ("unknown_store", Retry.AFTER_REPAIR),
    ],
)
def test_a_code_says_whether_a_retry_can_help(code, retry):
    assert explain(code).retry is retry
    assert retry.sentence


def test_what_a_persons_retry_can_help_is_exactly_what_needs_no_repair_first():
    codes = [error.code for error in ERRORS] + [f"http_{status}" for status in STATUSES]
    assert {code for code in codes if explain(code).retry is not Retry.AFTER_REPAIR} == set(retryable_codes())
    assert {code for code in codes if explain(code).retry is Retry.AUTOMATIC} == set(filter(is_transient, codes))


def test_an_unknown_store_has_to_be_imported_first():
    assert "Import" in explain("unknown_store").advice


@pytest.mark.parametrize(
    ("statuses", "beginning"),
    [
        ([401, 403], "The photo host wants a sign-in"),
        ([404, 410], "The photo was deleted"),
        ([429], "The photo host limits"),
        ([502, 503, 504], "The photo host, or a server behind it,"),
        ([500, 501, 505, 511, 521, 530, 599, 999], "The photo host is broken"),
        ([100, 103, 201, 204, 300, 304, 400, 402, 405, 408, 409, 418, 425, 451, 499], "The photo host answered with"),
    ],
)
def test_a_status_is_explained_by_its_family(statuses, beginning):
    for status in statuses:
        found = explain(f"http_{status}")
        assert found.code == f"http_{status}"
        assert found.sentence == str(HTTPStatus(status))
        assert found.advice.startswith(beginning)


def test_every_registered_status_but_200_is_named_once():
    named = [status for family in FAMILIES for status in family.statuses]
    assert len(named) == len(set(named))
    assert {status.value for status in http.HTTPStatus} - set(named) == {200}
    assert set(HTTPStatus.RETRYABLE_STATUSES) <= set(named)


@pytest.mark.parametrize(
    "code", ["", "unheard_of", "http_", "http_<status>x", "http_abc", "http_99", "http_1000", "http_٤٠٤"]
)
def test_a_code_of_another_release_is_explained_as_such(code):
    found = explain(code)
    assert (found.code, found.retry) == (code, Retry.AFTER_REPAIR)
    assert found.sentence == "This release does not know the code."
    assert reads_well(found.advice)


def test_the_template_of_all_statuses_has_a_meaning_of_its_own():
    assert explain(HTTPStatus.code).advice == ADVICE[errors.HTTPStatus]
