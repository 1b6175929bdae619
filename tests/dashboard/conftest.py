import pytest
from django.contrib.auth.models import User

from jobs import errors, queue
from jobs.imaging.types import Evidence, Outcome
from tests.factories import KNOWN_STORE, failure, look, make_worker, submit_visits, success

# Markup in every text that a client can send.
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def anna(db):
    return User.objects.create_user("anna", password="anna's own")


@pytest.fixture
def page(client, anna):
    """Ask for a page as anna, who is nobody special."""
    client.force_login(anna)
    return client


@pytest.fixture
def job(anna):
    """A job of anna's that has ended: measured, failed in three ways, of an unknown store; markup in its texts."""
    job = submit_visits(
        (
            KNOWN_STORE,
            ["http://a.test/good.jpg", f"http://a.test/{HOSTILE}", "http://b.test/late", "http://b.test/odd"],
        ),
        (f"no{HOSTILE}", ["http://c.test/1"]),
    )
    job.owner = anna
    job.save(update_fields=["owner"])
    worker = make_worker()
    good, bad, late, odd = queue.claim(worker, limit=4)
    seen = Evidence(http_status=404, redirects=[f"http://r.test/{HOSTILE}"], bytes=321, content_type="text/html")
    late_error = errors.ReadTimeout()
    late_error.retryable = False
    queue.record(
        worker,
        [
            success(good),
            Outcome(bad, seen, error=errors.HTTPStatus(404)),
            failure(late, late_error),
            failure(odd, errors.NotAnImage()),
        ],
    )
    return look(job)
