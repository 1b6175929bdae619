"""Does a client get every image of a job, once, in order, page by page?"""

import pytest

from jobs import queue
from jobs.errors import ConnectionFailed, HTTPStatus
from jobs.models import ImageResult
from tests.api.payloads import assert_refused, work_off
from tests.factories import failure, make_stores, make_worker, submit_job, submit_visits

pytestmark = pytest.mark.django_db

KEYS = [
    "store_id", "visit_time", "image_url", "state", "width", "height", "perimeter", "format", "bytes", "attempts",
    "finished_at", "error",
]  # fmt: skip


def pages(api, job_id, **parameters):
    """Every page, by following the cursors."""
    answer = api.status(job_id, view="images", **parameters).json()
    yield answer
    while answer["next_cursor"] is not None:
        answer = api.status(job_id, view="images", cursor=answer["next_cursor"], **parameters).json()
        yield answer


def test_a_measured_a_failed_and_a_pending_image(api):
    make_stores("A")
    job = submit_visits(("A", ["http://a/1", "http://a/gone", "http://a/flaky"]), ("ghost", ["http://a/2"]))
    worker = make_worker()
    work_off({"http://a/gone": HTTPStatus(404), "http://a/flaky": ConnectionFailed()})

    answer = api.status(job.pk, view="images").json()
    assert list(answer) == ["status", "job_id", "images", "next_cursor"]
    assert (answer["status"], answer["next_cursor"]) == ("ongoing", None)
    measured, gone, flaky, unknown = answer["images"]
    assert list(measured) == list(gone) == list(flaky) == list(unknown) == KEYS
    assert measured.pop("finished_at").endswith("Z")
    assert measured == {
        "store_id": "A",
        "visit_time": "time of store visit",
        "image_url": "http://a/1",
        "state": "completed",
        "width": 640,
        "height": 480,
        "perimeter": 2240,
        "format": "JPEG",
        "bytes": 1000,
        "attempts": 1,
        "error": None,
    }
    assert (gone["state"], gone["attempts"], gone["perimeter"]) == ("failed", 1, None)
    assert gone["error"] == {
        "code": "http_404",
        "message": "The server answered 404 instead of 200.",
        "retryable": False,
    }
    assert (flaky["state"], flaky["attempts"], flaky["error"]) == ("pending", 1, None)
    assert (flaky["format"], flaky["finished_at"]) == (None, None)
    assert (unknown["store_id"], unknown["attempts"]) == ("ghost", 0)
    assert unknown["error"]["code"] == "unknown_store"
    assert worker


def test_a_retryable_failure_is_marked(api, settings):
    settings.MAX_ATTEMPTS = 1
    job = submit_job(["http://a/1"])
    worker = make_worker()
    queue.record(worker, [failure(claim, HTTPStatus(503)) for claim in queue.claim(worker, limit=1)])

    image = api.status(job.pk, view="images").json()["images"][0]
    assert image["error"]["retryable"] is True


def test_the_base_answer_of_a_failed_job_keeps_its_errors(api):
    job = submit_visits(("ghost", ["http://a/1"]))

    answer = api.status(job.pk, view="images").json()
    assert list(answer) == ["status", "job_id", "error", "images", "next_cursor"]


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8, 1000])
def test_the_pages_hold_every_image_once_in_submission_order(api, limit):
    make_stores("A", "B")
    submit_job(3)
    urls = [f"http://a/{number}" for number in range(7)]
    job = submit_visits(("B", urls[:4]), ("A", urls[4:6]), ("B", urls[6:]))
    submit_job(3)

    found = list(pages(api, job.pk, limit=limit))

    assert [image["image_url"] for page in found for image in page["images"]] == urls
    assert [len(page["images"]) for page in found[:-1]] == [limit] * (len(found) - 1)
    assert 1 <= len(found[-1]["images"]) <= limit


def test_a_page_holds_a_hundred_by_default(api):
    job = submit_job(101)

    assert [len(page["images"]) for page in pages(api, job.pk)] == [100, 1]


def test_the_largest_page_is_a_thousand(api):
    job = submit_job(1001)

    assert [len(page["images"]) for page in pages(api, job.pk, limit=1000)] == [1000, 1]


def test_a_page_is_two_queries(api, django_assert_num_queries):
    make_stores("A")
    job = submit_visits(*((("A", [f"http://a/{number}"])) for number in range(300)))

    with django_assert_num_queries(2):
        assert len(api.status(job.pk, view="images", limit=300).json()["images"]) == 300


def test_images_that_finish_between_two_pages_do_not_shift_them(api):
    job = submit_job(4)
    walk = pages(api, job.pk, limit=2)
    first = next(walk)
    work_off()
    second = next(walk)

    urls = [image["image_url"] for page in (first, second) for image in page["images"]]
    assert urls == list(ImageResult.objects.order_by("id").values_list("url", flat=True))


def test_a_cursor_from_another_job_shows_nothing_of_that_job(api):
    other = submit_job(3)
    cursor = api.status(other.pk, view="images", limit=1).json()["next_cursor"]
    job = submit_job(2)

    answer = api.status(job.pk, view="images", cursor=cursor).json()
    assert [image["image_url"] for image in answer["images"]] == [
        "http://images.test/0.jpg",
        "http://images.test/1.jpg",
    ]
    assert len(answer["images"]) == 2


@pytest.mark.parametrize(
    "limit", ["", "0", "-1", "1001", "01", "1.0", "1e2", "ten", " 5", "5 ", "+5", "\uff11", "\0", "9" * 5000, "None"]
)
def test_a_malformed_limit_is_refused(api, limit):
    job = submit_job()

    assert_refused(api.status(job.pk, view="images", limit=limit), 400)


@pytest.mark.parametrize(
    "cursor",
    [
        "", "0", "1", "null", "AAAAAAAAAA", "AAAAAAAAAAE=", "AAAAAAAAAAF", "AAAAAAAAAAAA", "AAAAA AAAAE", "é" * 11,
        "AAAAAAAAA\0E", "../../../x", "A" * 5000, "__________!",
    ],
)  # fmt: skip
def test_a_malformed_cursor_is_refused(api, cursor):
    job = submit_job()

    assert_refused(api.status(job.pk, view="images", cursor=cursor), 400)


@pytest.mark.parametrize("cursor", ["f_________8", "__________8"])
def test_a_cursor_beyond_every_row_is_an_empty_page(api, cursor):
    job = submit_job()

    answer = api.status(job.pk, view="images", cursor=cursor).json()
    assert (answer["images"], answer["next_cursor"]) == ([], None)


def test_cursor_and_limit_are_ignored_by_the_other_views(api):
    job = submit_job()

    assert api.status(job.pk, cursor="x", limit="x").json() == {"status": "ongoing", "job_id": job.pk}
