from typing import Any

import pytest
from django.urls import reverse

from jobs import errors, queue
from jobs.imaging.types import Evidence, Outcome
from jobs.models import ImageResult, Job, Worker
from tests.factories import KNOWN_STORE, failure, make_worker, submit_visits, success

# Markup in every text that a client can send.
HOSTILE_URL = "http://images.test/<script>alert(1)</script>.jpg"


def list_page(model: Any) -> str:
    return reverse(f"admin:jobs_{model._meta.model_name}_changelist")


def row_page(row: Any) -> str:
    return reverse(f"admin:jobs_{row._meta.model_name}_change", args=[row.pk])


def listed(response: Any) -> list[int]:
    """The ids on a list's page, in its order."""
    return [row.pk for row in response.context["cl"].result_list]


@pytest.fixture
def job(db):
    """A finished job: one image measured, one failed by a redirect to a 404, one of an unknown store."""
    job = submit_visits((KNOWN_STORE, ["http://images.test/good.jpg", HOSTILE_URL]), ("nowhere", ["http://n.test/1"]))
    worker = make_worker()
    good, bad = queue.claim(worker, limit=2)
    seen = Evidence(
        http_status=404,
        content_type="text/<i>",
        address_class="public",
        redirects=["http://a.test/<b>", "http://b.test/"],
        bytes=321,
        fetch_ms=45,
    )
    queue.record(worker, [success(good), Outcome(bad, seen, error=errors.HTTPStatus(404))])
    job.refresh_from_db()
    return job


@pytest.fixture
def crowd(db):
    """Three jobs of forty visits, images in every state, and as many workers; rows of every kind in plenty."""
    for _ in range(3):
        submit_visits(*[(KNOWN_STORE, ["http://images.test/1.jpg", "http://images.test/2.jpg"]) for _ in range(40)])
    worker = make_worker()
    claims = queue.claim(worker, limit=200)
    queue.record(worker, [success(claim) for claim in claims[:60]])
    queue.record(worker, [failure(claim, errors.NotAnImage()) for claim in claims[60:120]])
    queue.record(worker, [failure(claim, errors.ReadTimeout()) for claim in claims[120:140]])
    for _ in range(40):
        make_worker()
    return Job.objects.count(), ImageResult.objects.count(), Worker.objects.count()
