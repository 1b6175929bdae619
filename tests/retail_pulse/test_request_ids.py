"""Does one id lead from an answer to its problem, to the log, and to the engine's lines of the job that it made?"""

import logging
import re
from contextlib import closing

import pytest
from django.http import StreamingHttpResponse
from django.test import Client

from api.middleware import server_error
from jobs import queue
from jobs.models import Job
from proofs.world.logs import read_log
from retail_pulse import request_ids
from retail_pulse.logs.config import logging_config
from tests.api.payloads import submission
from tests.factories import KNOWN_STORE, make_stores, make_worker, submit_job, success
from tests.retail_pulse.logs.test_config import logging_to

JSON = "application/json"


@pytest.mark.parametrize("path", ["/livez", "/api/v1/jobs", "/sign-in/", "/nothing/here", "/api/status"])
def test_every_answer_has_an_id_of_its_own(db, path):
    ids = {Client().get(path)["X-Request-Id"] for _ in range(2)}

    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


@pytest.mark.parametrize(
    "sent", ["7", "Root=1-5759e988-bd862e3fe1be46a994272793", "0f8fad5b-d9cb-469f-a165-70867728950e", "x" * 128, "a+/="]
)
def test_the_clients_id_is_taken(sent):
    assert Client().get("/livez", headers={"x-request-id": sent})["X-Request-Id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 129, "a b", 'a"', "é", "a,b", "<b>", "{}", "a\tb", "%0a"])
def test_an_id_unfit_for_headers_and_logs_is_replaced(sent):
    assert re.fullmatch("[0-9a-f]{32}", Client().get("/livez", headers={"x-request-id": sent})["X-Request-Id"])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "/api/v1/jobs/999999", 404), ("post", "/api/v1/jobs", 415), ("get", "/api/v1/nothing", 404)],
)
def test_a_problem_holds_the_id_of_its_answer(settings, method, path, status):
    settings.API_OPEN = True
    response = getattr(Client(), method)(path, headers={"x-request-id": "r-1"})

    assert (response.status_code, response["X-Request-Id"]) == (status, "r-1")
    assert response.json()["request_id"] == "r-1"


@pytest.mark.django_db
def test_an_error_of_the_assignment_has_it_in_the_header_alone(settings):
    settings.API_OPEN = True
    response = Client().get("/api/visits?area=none", headers={"x-request-id": "r-1"})

    assert (response["X-Request-Id"], list(response.json())) == ("r-1", ["error"])


@pytest.mark.django_db
def test_a_job_remembers_the_request_that_made_it(settings):
    settings.API_OPEN = True
    make_stores(KNOWN_STORE)
    first, again = (
        Client().post(
            "/api/submit/",
            submission(),
            content_type=JSON,
            headers={"x-request-id": request_id, "idempotency-key": "k"},
        )
        for request_id in ("r-1", "r-2")
    )

    assert (first["X-Request-Id"], again["X-Request-Id"]) == ("r-1", "r-2")
    job_id = again.json()["job_id"]
    assert Job.objects.get(pk=job_id).request_id == "r-1"
    assert Client().get(f"/api/v1/jobs/{job_id}").json()["request_id"] == "r-1"


@pytest.mark.django_db
def test_the_recorder_learns_the_id_of_each_job():
    with request_ids.using("r-1"):
        job = submit_job(1)
    worker = make_worker()
    recorded = queue.record(worker, [success(claim) for claim in queue.claim(worker, 1)])

    assert recorded.request_ids == {job.pk: "r-1"}
    assert submit_job(1).request_id == ""


def test_the_log_has_the_id_of_the_request_that_a_line_belongs_to(tmp_path, client, db):
    file = tmp_path / "log"
    with logging_to("file", logging_config("INFO", file), "django.request"):
        client.get("/nothing/here", headers={"x-request-id": "r-1"})
        with request_ids.using("r-2"):
            logging.getLogger("django.request").warning("within")
        logging.getLogger("django.request").warning("outside")
    not_found, within, outside = read_log(file)

    # Django logs it after all middleware.
    assert (not_found["event"], not_found["request_id"]) == ("Not Found: /nothing/here", "r-1")
    assert within["request_id"] == "r-2"
    assert "request_id" not in outside


def test_a_message_takes_the_id_along():
    assert request_ids.as_headers() == {}
    with request_ids.using("r-1"):
        assert request_ids.as_headers() == {"request_id": "r-1"}


def test_the_page_of_an_unexpected_error_shows_it(rf):
    request = rf.get("/jobs/")
    request.request_id = "r-1"
    assert b"by this id: r-1." in server_error(request).content


@pytest.mark.django_db
def test_what_is_made_while_an_answer_is_sent_belongs_to_its_request(rf):
    closed = []

    def parts():
        try:
            for _ in range(9):
                yield request_ids.current().encode()
        finally:
            closed.append(request_ids.current())

    middleware = request_ids.RequestIds(lambda request: StreamingHttpResponse(parts()))
    with closing(middleware(rf.get("/", headers={"x-request-id": "r-1"}))) as answer:
        sent = iter(answer)
        assert [next(sent), request_ids.current(), next(sent)] == [b"r-1", "", b"r-1"]
    assert len(closed) == 1
