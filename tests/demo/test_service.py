"""The demo's client side of the HTTP API, against canned answers."""

import pytest
import requests
import responses

from demo.service import Service, ServiceFailed, free_port
from tests.conftest import FIXTURES


@pytest.fixture
def service(tmp_path):
    return Service(FIXTURES.parent, tmp_path, {}, port=8000)


@responses.activate
def test_a_submission_returns_the_jobs_id(service):
    responses.post(f"{service.url}/api/submit/", json={"job_id": 7}, status=201)
    assert service.submit({"count": 0, "visits": []}) == 7


@responses.activate
def test_a_refused_submission_says_why(service):
    responses.post(f"{service.url}/api/submit/", json={"error": "count is missing."}, status=400)
    with pytest.raises(ServiceFailed, match=r"400.*count is missing"):
        service.submit({})


@responses.activate
def test_images_are_read_page_by_page(service):
    def page(cursor, images, following):
        query = {"jobid": "7", "view": "images", "limit": "1000"} | ({"cursor": cursor} if cursor else {})
        responses.get(
            f"{service.url}/api/status",
            json={"images": images, "next_cursor": following},
            match=[responses.matchers.query_param_matcher(query)],
        )

    page(None, [{"url": 1}], "a")
    page("a", [{"url": 2}], "b")
    page("b", [], None)
    assert service.images(7) == [{"url": 1}, {"url": 2}]


@responses.activate
def test_an_unknown_job_is_an_error(service):
    responses.get(f"{service.url}/api/status", json={}, status=400)
    with pytest.raises(requests.HTTPError):
        service.status(7)


def test_a_command_that_fails_says_what_it_printed(service):
    with pytest.raises(ServiceFailed, match="no_such_command"):
        service.manage("no_such_command")


def test_a_port_in_use_is_passed_over():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(near=port) != port
