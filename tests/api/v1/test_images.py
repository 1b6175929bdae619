"""A job's images over the API: pages, filters, and one image with its evidence."""

import pytest

from jobs import queue
from jobs.errors import HTTPStatus
from jobs.imaging.types import Evidence, Outcome
from jobs.models import ImageResult
from tests.api.payloads import work_off
from tests.api.v1.conftest import assert_problem
from tests.factories import make_worker, submit_job, submit_visits

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_attempt(settings):
    settings.MAX_ATTEMPTS = 1


def urls(response):
    assert response.status_code == 200, response.content
    return [image["image_url"] for image in response.json()["results"]]


def test_an_image_shows_all_that_is_known_of_it(v1):
    job = submit_visits(("T-1", ["http://A.test:80/1", "http://a.test/2"]))
    work_off({"http://a.test/2": HTTPStatus(404)})
    good, bad = ImageResult.objects.order_by("pk")
    results = v1.get(f"jobs/{job.pk}/images").json()["results"]

    assert results[0] == {
        "id": good.pk,
        "store_id": "T-1",
        "visit_time": "time of store visit",
        "image_url": "http://A.test:80/1",
        "host": "a.test",
        "state": "completed",
        "width": 640,
        "height": 480,
        "perimeter": 2240,
        "format": "JPEG",
        "bytes": 1000,
        "attempts": 1,
        "waits_for": None,
        "finished_at": good.finished_at.isoformat().replace("+00:00", "Z"),
        "timings": {"fetch_ms": good.fetch_ms, "measure_ms": good.measure_ms, "gpu_ms": good.gpu_ms},
        "gpu_result": None,
        "error": None,
        "client_reference": None,
        "metadata": None,
    }
    assert results[1]["id"] == bad.pk
    assert (results[1]["state"], results[1]["perimeter"], results[1]["format"]) == ("failed", None, None)
    assert results[1]["error"] == {
        "code": "http_404", "message": "The server answered 404 instead of 200.", "retryable": False,
    }  # fmt: skip


def test_the_filters_combine(v1):
    job = submit_visits(
        ("T-1", ["http://a.test/1", "http://b.test/2"]), ("gone", ["http://a.test/3"]), ("T-1", ["no url"])
    )
    work_off({"http://b.test/2": HTTPStatus(404)})

    def ask(**query):
        return urls(v1.get(f"jobs/{job.pk}/images", query))

    assert ask(state="failed") == ["http://b.test/2", "http://a.test/3"]
    assert ask(code="http_404") == ["http://b.test/2"]
    assert ask(host="a.test") == ["http://a.test/1", "http://a.test/3"]
    assert ask(host="") == ["no url"]
    assert ask(store="T-1", state="completed") == ["http://a.test/1", "no url"]
    assert ask(area="A-1", host="a.test") == ["http://a.test/1"]
    assert ask(area="") == ["http://a.test/3"]
    assert ask(code="") == []


def test_pages_are_in_submission_order_and_do_not_shift(v1):
    job = submit_job(5)
    query, seen = {"limit": 2}, []
    while True:
        answer = v1.get(f"jobs/{job.pk}/images", query)
        seen += urls(answer)
        work_off()
        if (cursor := answer.json()["next_cursor"]) is None:
            break
        query = {"limit": 2, "cursor": cursor}
    assert seen == [f"http://images.test/{number}.jpg" for number in range(5)]


@pytest.mark.parametrize(
    "query",
    ["state=done", "state=", "limit=0", "limit=1001", "limit=", "cursor=", "cursor=x", "host=%00", "hots=a", "page=2",
     "code=" + "x" * 33, "store=" + "x" * 65, "state=failed&state=failed", "format=csv", "%ff=1", "limit=%EF%BC%91"],
)  # fmt: skip
def test_an_invalid_parameter_is_refused(v1, query):
    job = submit_job()
    problem = assert_problem(v1.get(f"jobs/{job.pk}/images?{query}"), 400, "invalid-request")
    assert problem["errors"][0]["parameter"]


def test_every_faulty_parameter_is_reported_at_once(v1):
    job = submit_job()
    problem = assert_problem(v1.get(f"jobs/{job.pk}/images?limit=0&hots=a&state=x"), 400, "invalid-request")
    assert problem["errors"] == [
        {"parameter": "hots", "detail": "hots is no parameter here; this path knows state, code, host, store, area, "
         "group, finding, client_reference, cursor, limit."},
        {"parameter": "limit", "detail": "limit must be a whole number from 1 to 1,000."},
        {"parameter": "state", "detail": "state must be pending, running, completed or failed."},
    ]  # fmt: skip


def test_a_hundred_unknown_parameters_are_not_all_listed(v1):
    query = "&".join(f"{'x' * 500}{number}=1" for number in range(100))
    problem = assert_problem(v1.get(f"jobs?{query}"), 400, "invalid-request")
    assert len(problem["errors"]) <= 20
    assert len(problem["errors"][0]["parameter"]) == 64


def test_an_image_shows_the_evidence_of_its_failed_attempts(v1, settings):
    settings.MAX_ATTEMPTS = 2
    job = submit_job(["http://a.test/1"])
    worker = make_worker()
    seen = Evidence(http_status=503, bytes=7, redirects=("http://a.test/2",))
    for _ in range(2):
        ImageResult.objects.update(run_after=None)
        claims = queue.claim(worker, limit=1)
        queue.record(worker, [Outcome(claims[0], seen, error=HTTPStatus(503))])
    image = ImageResult.objects.get()
    answer = v1.get(f"jobs/{job.pk}/images/{image.pk}").json()

    assert answer["error"]["code"] == "http_503"
    assert [attempt["claim_no"] for attempt in answer["failed_attempts"]] == [1, 2]
    assert answer["failed_attempts_total"] == 2
    first = answer["failed_attempts"][0]
    assert (first["http_status"], first["bytes"]) == (503, 7)
    assert first["redirects"] == ["http://a.test/2"]
    page = v1.get(f"jobs/{job.pk}/images").json()["results"][0]
    assert {name: value for name, value in answer.items() if name in page} == page


def test_an_image_of_another_job_is_not_there(v1):
    submit_job()
    image = ImageResult.objects.get()
    other = submit_job()
    assert_problem(v1.get(f"jobs/{other.pk}/images/{image.pk}"), 404, "not-found")
    assert_problem(v1.get(f"jobs/{other.pk}/images/x"), 404, "not-found")


@pytest.mark.parametrize("count", [3, 300])
def test_a_page_costs_the_same_for_few_images_and_many(v1, django_assert_num_queries, count):
    job = submit_job(count)
    with django_assert_num_queries(3):
        assert len(urls(v1.get(f"jobs/{job.pk}/images", {"limit": 1000}))) == count


def test_failures_are_grouped(v1):
    job = submit_visits(("T-1", ["http://a.test/1", "http://a.test/2"]), ("gone", ["http://b.test/3"]))
    work_off({"http://a.test/1": HTTPStatus(503), "http://a.test/2": HTTPStatus(503)})
    assert v1.get(f"jobs/{job.pk}/failures").json() == {
        "images": 3,
        "groups": [
            {"code": "http_503", "host": "a.test", "area": "A-1", "images": 2, "retryable": True,
             "message": "The server answered 503 instead of 200."},
            {"code": "unknown_store", "host": "b.test", "area": "", "images": 1, "retryable": False,
             "message": "The store is not in the store master."},
        ],
        "more_groups": 0,
    }  # fmt: skip


def test_throughput_is_a_series_without_gaps(v1):
    job = submit_job(3)
    assert v1.get(f"jobs/{job.pk}/throughput").json() == {"seconds": None, "intervals": []}
    work_off()
    answer = v1.get(f"jobs/{job.pk}/throughput").json()
    assert answer["seconds"] == 1
    assert sum(interval["completed"] for interval in answer["intervals"]) == 3
