"""Which submissions are accepted, and what is stored of them?"""

import json
import time
from datetime import UTC, datetime

import pytest

from jobs.models import ImageResult, Job, Visit
from jobs.submission.payload import parse_submission
from tests.api.payloads import submission, visit, work_off
from tests.factories import make_stores, ready

pytestmark = pytest.mark.django_db

ASSIGNMENT_SAMPLE = {
    "count": 2,
    "visits": [
        {
            "store_id": "S00339218",
            "image_url": [
                "https://www.gstatic.com/webp/gallery/2.jpg",
                "https://www.gstatic.com/webp/gallery/3.jpg",
            ],
            "visit_time": "time of store visit",
        },
        {
            "store_id": "S01408764",
            "image_url": ["https://www.gstatic.com/webp/gallery/3.jpg"],
            "visit_time": "time of store visit",
        },
    ],
}


def test_the_assignments_own_sample_is_created(api):
    response = api.submit(ASSIGNMENT_SAMPLE)

    assert response.status_code == 201
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    assert response.json() == {"job_id": Job.objects.get().pk}
    assert type(response.json()["job_id"]) is int


@pytest.mark.parametrize("path", ["/api/submit", "/api/submit/"])
def test_the_trailing_slash_is_optional(api, path):
    assert api.submit(submission(), path=path).status_code == 201


def test_visits_and_images_are_stored_in_the_order_sent(api):
    make_stores("S-1", "S-2")
    body = submission(visit("S-2", "http://a/1", "http://a/2"), visit("S-1", "http://a/1"))

    job_id = api.submit(body).json()["job_id"]

    images = ImageResult.objects.filter(job_id=job_id).order_by("id")
    assert list(images.values_list("visit__store_id", "url", "state")) == [
        ("S-2", "http://a/1", "pending"),
        ("S-2", "http://a/2", "pending"),
        ("S-1", "http://a/1", "pending"),
    ]
    assert Job.objects.get(pk=job_id).total == 3


def test_an_unknown_store_is_not_a_submit_error(api):
    response = api.submit(submission(visit("no such store")))

    assert response.status_code == 201
    assert api.status(response.json()["job_id"]).json()["status"] == "failed"


def test_the_same_visit_and_url_twice_are_two_results(api):
    api.submit(submission(visit("T-1", "http://a/1", "http://a/1"), visit("T-1", "http://a/1")))

    assert Visit.objects.count() == 2
    assert ImageResult.objects.count() == 3


def test_unknown_keys_are_ignored(api):
    body = submission({**visit(), "remark": {"deep": [1.5, None, True]}}, client="app", version=2)

    assert api.submit(body).status_code == 201


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-31T17:00:00Z", datetime(2026, 1, 31, 17, tzinfo=UTC)),
        ("2026-01-31T22:30:00+05:30", datetime(2026, 1, 31, 17, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("time of store visit", None),
    ],
)
def test_visit_time_is_kept_as_sent_and_read_where_it_can_be(api, text, instant):
    api.submit(submission(visit(visit_time=text)))

    stored = Visit.objects.get()
    assert stored.visit_time == text
    assert stored.visited_at == instant


def test_a_visit_in_the_first_second_of_the_calendar_can_be_read_back(api):
    api.submit(submission(visit(visit_time="0001-01-01T00:00:00Z")))
    make_stores("T-1")

    assert Visit.objects.get().visited_at == datetime(1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "longest",
    [
        visit("é" * 64),
        visit(visit_time="é" * 200),
        visit("T-1", "h" * 2048),
        visit("T-1", "any text\u2028that is no address at all ✗"),
    ],
)
def test_the_longest_strings_are_accepted(api, longest):
    assert api.submit(submission(longest)).status_code == 201


def test_characters_beyond_the_basic_plane_survive(api):
    body = (
        rb'{"count":1,"visits":[{"store_id":"\ud83d\ude00","image_url":["\\u0000"],'
        b'"visit_time":"\xf0\x9f\x98\x80"}]}'
    )

    assert api.submit(body).status_code == 201
    stored = Visit.objects.get()
    assert (stored.store_id, stored.visit_time, stored.images.get().url) == ("😀", "😀", "\\u0000")


@pytest.mark.parametrize("policy", ["continue", "stop_store"])
def test_on_error_is_stored(api, policy):
    api.submit(submission(on_error=policy))

    assert Job.objects.get().on_error == policy


def test_on_error_is_continue_by_default(api):
    api.submit(submission())

    assert Job.objects.get().on_error == "continue"


def test_stop_store_takes_a_stores_images_one_after_the_other(api):
    make_stores("T-1")
    api.submit(submission(visit("T-1", "http://a/1", "http://a/2"), on_error="stop_store"))

    assert ready() == 1
    work_off()
    assert ready() == 1


def test_as_many_images_as_allowed_are_accepted(api, settings):
    settings.MAX_IMAGES_PER_JOB = 3

    assert api.submit(submission(visit("T-1", "a", "b"), visit("T-1", "c"))).status_code == 201


def test_a_body_as_large_as_allowed_is_accepted(api, settings):
    body = b'{"count":1,"visits":[{"store_id":"1","image_url":["1"],"visit_time":"1"}]}'
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = len(body)

    assert api.submit(body).status_code == 201


def test_the_job_belongs_to_the_signed_in_user(admin_user, admin_client, api):
    admin_client.post("/api/submit", submission(), content_type="application/json")
    api.submit(submission())

    assert list(Job.objects.order_by("id").values_list("owner", flat=True)) == [admin_user.pk, None]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        'Application/JSON; charset="UTF-8"',
        "application/json;charset=utf8; version=1",
    ],
)
def test_utf_8_may_be_named(api, content_type):
    assert api.submit(submission(), content_type=content_type).status_code == 201


@pytest.mark.parametrize("number", [1, 500])
def test_the_number_of_statements_does_not_grow_with_the_visits(api, django_assert_max_num_queries, number):
    visits = [visit(f"S-{n}", f"http://a/{n}") for n in range(number)]

    # The stores, the clock, the job with its errors, the visits, the images, and the savepoints around them.
    with django_assert_max_num_queries(15):
        assert api.submit(submission(*visits)).status_code == 201


def test_ten_thousand_visits_are_checked_in_little_more_than_the_time_of_decoding_them():
    data = submission(*(visit(f"S-{number}", f"http://a/{number}") for number in range(10_000)))
    body = json.dumps(data)

    def took(work, argument):
        begin = time.thread_time()
        work(argument)
        return time.thread_time() - begin

    # A ratio, and the best of three: nested serializers need dozens of times the decoding.
    assert min(took(parse_submission, data) for _ in range(3)) < 10 * min(took(json.loads, body) for _ in range(3))
