"""Which submissions are refused, and does the sentence name the place?"""

import io
import json

import pytest

from jobs.models import Job
from jobs.submission.payload import MAX_PROBLEMS, InvalidPayload, parse_submission
from tests.api.payloads import assert_nothing_stored, assert_refused, submission, visit

pytestmark = pytest.mark.django_db

URL = "must be a string of 1 to 2,048 characters without control characters."


def without(body, *path):
    """A copy of `body` without the value at `path`."""
    copy = json.loads(json.dumps(body))
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    return copy


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (without(submission(), "count"), "count is missing."),
        (without(submission(), "visits"), "visits is missing."),
        (without(submission(), "visits", 0, "store_id"), "visits[0].store_id is missing."),
        (without(submission(), "visits", 0, "image_url"), "visits[0].image_url is missing."),
        (without(submission(), "visits", 0, "visit_time"), "visits[0].visit_time is missing."),
        ({**submission(), "count": "1"}, "count must be an integer."),
        ({**submission(), "count": "\uff11"}, "count must be an integer."),
        ({**submission(), "count": 1.0}, "count must be an integer."),
        ({**submission(), "count": True}, "count must be an integer."),
        ({**submission(), "count": None}, "count must be an integer."),
        ({**submission(), "count": [1]}, "count must be an integer."),
        ({**submission(), "count": 2}, "count must be the number of visits, which is 1."),
        ({**submission(), "count": 0}, "count must be the number of visits, which is 1."),
        ({**submission(), "count": -1}, "count must be the number of visits, which is 1."),
        ({"count": 0, "visits": []}, "visits must be a list of at least one visit."),
        ({"count": 1, "visits": None}, "visits must be a list of at least one visit."),
        ({"count": 1, "visits": {}}, "visits must be a list of at least one visit."),
        ({"count": 1, "visits": "x"}, "visits must be a list of at least one visit."),
        (submission(None), "visits[0] must be an object with store_id, image_url and visit_time."),
        (submission([]), "visits[0] must be an object with store_id, image_url and visit_time."),
        (submission(visit(), "x"), "visits[1] must be an object with store_id, image_url and visit_time."),
        (submission(visit("")), "visits[0].store_id must be a string of 1 to 64 characters."),
        (submission(visit("x" * 65)), "visits[0].store_id must be a string of 1 to 64 characters."),
        (submission(visit(1)), "visits[0].store_id must be a string of 1 to 64 characters."),
        (submission(visit(None)), "visits[0].store_id must be a string of 1 to 64 characters."),
        (submission(visit(visit_time="")), "visits[0].visit_time must be a string of 1 to 200 characters."),
        (
            submission(visit(visit_time="x" * 201)),
            "visits[0].visit_time must be a string of 1 to 200 characters.",
        ),
        (submission(visit(visit_time=1769878800)), "visits[0].visit_time must be a string of 1 to 200 characters."),
        (submission({**visit(), "image_url": []}), "visits[0].image_url must be a list of at least one URL."),
        (submission({**visit(), "image_url": "http://a"}), "visits[0].image_url must be a list of at least one URL."),
        (submission({**visit(), "image_url": None}), "visits[0].image_url must be a list of at least one URL."),
        (submission({**visit(), "image_url": {"0": "a"}}), "visits[0].image_url must be a list of at least one URL."),
        (submission(visit("T-1", "a", "")), f"visits[0].image_url[1] {URL}"),
        (submission(visit("T-1", "a", 1)), f"visits[0].image_url[1] {URL}"),
        (submission(visit("T-1", "a", None)), f"visits[0].image_url[1] {URL}"),
        (submission(visit("T-1", "x" * 2049)), f"visits[0].image_url[0] {URL}"),
        (submission(visit("T-1", "http://a/\n")), f"visits[0].image_url[0] {URL}"),
        (submission(visit("T-1", "http://a/\x7f")), f"visits[0].image_url[0] {URL}"),
        (submission(visit("T-1", "http://a/\x9f")), f"visits[0].image_url[0] {URL}"),
        (submission(visit(), visit(), visit(), visit(7)), "visits[3].store_id must be a string of 1 to 64 characters."),
        (submission(on_error="retry"), "on_error must be continue or stop_store."),
        (submission(on_error=None), "on_error must be continue or stop_store."),
        (submission(on_error=["continue"]), "on_error must be continue or stop_store."),
        ([], "The body must be a JSON object with count and visits."),
        (None, "The body must be a JSON object with count and visits."),
        ("count", "The body must be a JSON object with count and visits."),
        (1, "The body must be a JSON object with count and visits."),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_place(api, body, sentence):
    assert assert_refused(api.submit(body), 400) == sentence
    assert_nothing_stored()


def test_further_problems_are_counted(api):
    body = {**submission(visit(""), visit("x" * 65)), "count": 3}

    assert assert_refused(api.submit(body), 400) == (
        "count must be the number of visits, which is 2 (and 2 more problems)."
    )
    assert assert_refused(api.submit(submission(visit("", ""))), 400) == (
        "visits[0].store_id must be a string of 1 to 64 characters (and 1 more problem)."
    )


def test_the_search_for_problems_ends_with_the_hundredth(api):
    faulty = submission(*[visit("T-1", *[""] * 50)] * 3)

    assert assert_refused(api.submit(faulty), 400) == (
        f"visits[0].image_url[0] {URL[:-1]} (and at least 99 more problems)."
    )


def test_every_problem_knows_its_path():
    with pytest.raises(InvalidPayload) as refused:
        parse_submission({"count": True, "visits": [{**visit("", ""), "visit_time": 0}]})

    assert [problem.path for problem in refused.value.problems] == [
        ("count",),
        ("visits", 0, "store_id"),
        ("visits", 0, "image_url", 0),
        ("visits", 0, "visit_time"),
    ]
    assert len(refused.value.problems) < MAX_PROBLEMS


def test_one_image_more_than_allowed_is_refused(api, settings):
    settings.MAX_IMAGES_PER_JOB = 3
    body = submission(visit("T-1", "a", "b"), visit("T-1", "c", "d"))

    assert assert_refused(api.submit(body), 400) == "visits must hold at most 3 images in all."
    assert_nothing_stored()


def test_one_byte_more_than_allowed_is_413(api, settings):
    body = b'{"count":1,"visits":[{"store_id":"1","image_url":["1"],"visit_time":"1"}]}'
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = len(body) - 1

    assert "larger" in assert_refused(api.submit(body), 413)
    assert_nothing_stored()


def test_a_body_too_large_is_refused_before_it_is_read(api):
    class Unread(io.BytesIO):
        def read(self, size=-1, /):
            raise AssertionError("the body was read")

    response = api.client.generic(
        "POST",
        "/api/submit/",
        **{"wsgi.input": Unread(), "CONTENT_LENGTH": str(10**12), "CONTENT_TYPE": "application/json"},
    )
    assert_refused(response, 413)


def test_a_client_that_disconnects_within_its_body_causes_no_crash(api):
    class Leaving(io.BytesIO):
        def read(self, size=-1, /):
            raise ConnectionResetError

    response = api.client.generic(
        "POST",
        "/api/submit/",
        **{"wsgi.input": Leaving(), "CONTENT_LENGTH": "100", "CONTENT_TYPE": "application/json"},
    )
    assert_refused(response, 400)


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml"],
)
def test_a_body_that_is_not_declared_json_is_415(api, content_type):
    assert "application/json" in assert_refused(api.submit(submission(), content_type=content_type), 415)
    assert_nothing_stored()


def test_a_chunked_body_is_asked_for_its_length(api):
    response = api.client.generic("POST", "/api/submit/", headers={"Transfer-Encoding": "chunked"})

    assert "Content-Length" in assert_refused(response, 411)


def test_a_failed_insert_leaves_no_part_of_a_job(api, monkeypatch):
    # The last of the three inserts fails, by a URL longer than its column.
    monkeypatch.setattr("jobs.submission.payload.MAX_URL", 4096)

    assert_refused(api.submit(submission(visit("T-1", "x" * 4096))), 500)
    assert Job.objects.count() == 0
