"""What is a client answered while the database is away, and afterwards?"""

import logging
from contextlib import contextmanager

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import close_old_connections, connection

from jobs.models import Job
from tests.api import databases
from tests.api.conftest import API
from tests.api.payloads import assert_refused, submission
from tests.factories import submit_job

pytestmark = pytest.mark.django_db(transaction=True)


def assert_away(response):
    assert "database" in assert_refused(response, 503)
    assert int(response["Retry-After"]) > 0


def assert_away_in_plain_text(response):
    assert response.status_code == 503
    assert response["Content-Type"] == "text/plain"
    assert int(response["Retry-After"]) > 0


@contextmanager
def another_connection():
    parameters = connection.get_connection_params()
    parameters.pop("pool", None)
    with psycopg.connect(**{**parameters, "autocommit": True}) as other:
        yield other


def terminate_the_backend():
    """End the server's process behind this thread's connection, as a restart does."""
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    with another_connection() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


@pytest.mark.parametrize(
    "ask",
    [
        lambda api: api.submit(submission()),
        lambda api: api.status(1),
        lambda api: api.status(1, view="summary"),
        lambda api: api.visits(),
    ],
)
def test_every_endpoint_answers_503(api, ask):
    with databases.refusing():
        assert_away(ask(api))


def test_requests_that_need_no_database_are_still_answered(api):
    with databases.refusing():
        assert api.status("x").json() == {}
        assert_refused(api.submit(submission(count=7)), 400)
        assert_refused(api.client.get("/api/nothing"), 404)


def test_a_session_that_cannot_be_looked_up(client):
    client.force_login(User.objects.create_user("person"))

    with databases.refusing():
        assert_away(API(client).status(1))


def test_pages_answer_503_in_plain_text(client):
    client.force_login(User.objects.create_superuser("root"))
    client.raise_request_exception = False

    with databases.refusing():
        assert_away_in_plain_text(client.get("/admin/"))


def test_a_session_that_cannot_be_saved(client, settings):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    client.force_login(User.objects.create_superuser("root"))
    client.raise_request_exception = False
    connection.close()

    # The view succeeds; the middleware around it fails.
    with databases.refusing():
        response = client.get("/admin/login/")
    assert_away_in_plain_text(response)


def test_a_lost_connection_costs_one_503_and_recovers(api):
    job = submit_job()
    terminate_the_backend()
    assert_away(api.status(job.pk))

    # What the server does after each request; the test client leaves it to the test.
    close_old_connections()
    assert api.status(job.pk).json() == {"status": "ongoing", "job_id": job.pk}


def test_a_submission_that_loses_its_connection_stores_nothing(api, monkeypatch):
    created = Job.save

    def save_and_lose(self, **options):
        created(self, **options)
        terminate_the_backend()

    monkeypatch.setattr(Job, "save", save_and_lose)
    assert_away(api.submit(submission()))

    connection.close()
    assert not Job.objects.exists()


@contextmanager
def session_setting(setting):
    """For this thread's connection, which goes back to the pool afterwards."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET {setting}")
        try:
            yield
        finally:
            cursor.execute("RESET ALL")


def test_a_standby_in_a_failover_causes_no_crash(api):
    with session_setting("default_transaction_read_only = on"):
        assert_away(api.submit(submission()))


def test_a_statement_that_takes_too_long_causes_no_crash(api):
    with another_connection() as other, session_setting("statement_timeout = 50"):
        other.execute("BEGIN")
        other.execute("LOCK TABLE jobs_job")
        assert_away(api.submit(submission()))


@contextmanager
def slow_jobs():
    """Whoever reads jobs waits until the server breaks the statement off."""
    with another_connection() as other, session_setting("statement_timeout = 50"):
        other.execute("BEGIN")
        other.execute("LOCK TABLE jobs_job")
        yield


def test_a_statement_that_takes_too_long_has_a_code_and_a_line_in_the_log(client, caplog):
    for throttle in logging.getLogger("api.v1.problems").filters:
        throttle._seen.clear()
    job = submit_job()
    client.force_login(User.objects.create_superuser("root"))
    with slow_jobs():
        response = client.get(f"/api/v1/jobs/{job.pk}")
    assert (response.status_code, response.json()["type"]) == (503, "/docs/problems/#query-too-slow")
    assert int(response["Retry-After"]) > 0
    assert "statement timeout" in caplog.text or "database not available" in caplog.text


@pytest.mark.parametrize("path", ["/", "/jobs/", "/admin/jobs/job/"])
def test_a_page_that_takes_too_long_says_so(client, path):
    client.force_login(User.objects.create_superuser("root"))
    client.raise_request_exception = False
    with slow_jobs():
        response = client.get(path, follow=True)
    assert_away_in_plain_text(response)
    assert "took the database too long" in response.text


def test_the_pages_come_back_with_the_database(api):
    with databases.refusing():
        assert_away(api.visits())

    assert api.visits().json() == {"results": []}
