"""Bodies to submit, results to wait for, and what every refusal looks like."""

from collections.abc import Mapping
from typing import Any

from jobs import queue
from jobs.errors import ImageError
from jobs.models import Job
from tests.factories import failure, make_worker, success

TIME = "2026-01-31T17:00:00Z"


def visit(store_id: Any = "T-1", *urls: Any, visit_time: Any = TIME) -> dict[str, Any]:
    return {
        "store_id": store_id,
        "image_url": list(urls) or ["http://images.test/1.jpg"],
        "visit_time": visit_time,
    }


def submission(*visits: Any, **more: Any) -> dict[str, Any]:
    """A body that is valid if its visits are."""
    visits = visits or (visit(),)
    return {"count": len(visits), "visits": list(visits), **more}


def work_off(errors: Mapping[str, ImageError] | None = None) -> None:
    """Claim every ready image once and record it: with the URL's error where there is one, else measured."""
    worker = make_worker()
    claims = queue.claim(worker, limit=1000)
    queue.record(
        worker,
        [failure(claim, errors[claim.url]) if errors and claim.url in errors else success(claim) for claim in claims],
    )


def assert_refused(response: Any, status: int) -> str:
    """The refusal's sentence, after checking its form."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    body = response.json()
    assert list(body) == ["error"]
    assert isinstance(body["error"], str)
    assert body["error"].endswith(".")
    assert not body["error"].startswith("<")
    return body["error"]


def assert_nothing_stored() -> None:
    assert not Job.objects.exists()
