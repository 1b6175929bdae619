"""The closed list of problems that the API can answer with."""

import re

import pytest

from api.v1.problem_types import Problem


def test_the_slugs_and_their_statuses_are_stable():
    assert {problem.value.slug: problem.value.status for problem in Problem} == {
        "invalid-request": 400,
        "invalid-submission": 400,
        "malformed-request": 400,
        "not-signed-in": 401,
        "not-allowed": 403,
        "cross-site": 403,
        "not-found": 404,
        "method-not-allowed": 405,
        "too-slow": 408,
        "conflict": 409,
        "reference-taken": 409,
        "feed-set-back": 409,
        "length-required": 411,
        "too-large": 413,
        "address-too-long": 414,
        "wrong-media-type": 415,
        "compressed-body": 415,
        "idempotency-key-reused": 422,
        "unknown-stores": 422,
        "coordinates-missing": 422,
        "too-often": 429,
        "too-many-streams": 429,
        "too-many-pending": 429,
        "headers-too-large": 431,
        "internal": 500,
        "unavailable": 503,
        "query-too-slow": 503,
    }


@pytest.mark.parametrize("problem", Problem)
def test_a_problem_is_named_by_its_slug_and_speaks_in_sentences(problem):
    kind = problem.value
    assert kind.slug == problem.name.lower().replace("_", "-")
    assert kind.uri == f"/docs/problems/#{kind.slug}"
    assert re.fullmatch(r"[A-Z][^\n]*[^.]", kind.title)
    assert re.fullmatch(r"[A-Z][^\n]*\.", kind.explanation)
    assert re.fullmatch(r"[A-Z][^\n]*\.", kind.advice)
