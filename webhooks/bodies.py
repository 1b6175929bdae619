"""What receivers get: small JSON, which says what has happened and where to read the rest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from insights.models import Alert
from jobs.models import Job
from jobs.reporting.status import status
from stores.import_report import ImportReport
from webhooks.kinds import EventType
from webhooks.models.event import MOST_BYTES

# Failed images in one event.
MOST_IMAGES = 100
# What is left out of a body that would be too large.
_LEFT_OUT = "metadata"


def body(event: EventType, data: Mapping[str, Any], at: datetime | None = None) -> str:
    """`{"type", "timestamp", "data"}` in at most MOST_BYTES of UTF-8; where its metadata are too large, they are null.

    Raises ValueError where that is not enough.
    """
    text = _as_json(event, data, at)
    if len(text.encode()) > MOST_BYTES and data.get(_LEFT_OUT):
        text = _as_json(event, {**data, _LEFT_OUT: None}, at)
    if len(text.encode()) > MOST_BYTES:
        raise ValueError(f"An event {event} would have {len(text.encode()):,} bytes.")
    return text


def of_job(job: Job, **more: Any) -> dict[str, Any]:
    """Of a job `with_running`: its status as the API streams it, and what its owner knows it by."""
    known_by = {"client_reference": job.client_reference or None, "metadata": job.metadata}
    return {**status(job), **known_by, **more, "links": {"self": f"/api/v1/jobs/{job.pk}"}}


def of_failed_images(job: Job, images: Iterable[tuple[int, int, str]]) -> dict[str, Any]:
    """Of MOST_IMAGES at most, each with the id of its visit and its code."""
    reference = job.client_reference or None
    return {
        "job": {"id": job.pk, "client_reference": reference, "links": {"self": f"/api/v1/jobs/{job.pk}"}},
        "images": [{"id": image_id, "visit": visit_id, "code": code} for image_id, visit_id, code in images],
        "links": {"images": f"/api/v1/jobs/{job.pk}/images?state=failed"},
    }


def of_import(report: ImportReport) -> dict[str, Any]:
    """How many stores an import has changed."""
    return {
        "rows": report.rows,
        "new": report.new,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "pruned": report.pruned,
        "rejected": report.rejected_rows,
        "links": {"stores": "/api/v1/stores"},
    }


def of_alert(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.pk,
        "rule": alert.rule,
        "subject_kind": alert.kind,
        "subject": alert.subject,
        "since": alert.since.isoformat(),
        "until": alert.until.isoformat(),
        "says": alert.says,
        "of_all_jobs": alert.of_all,
        "links": {"self": f"/api/v1/alerts/{alert.pk}"},
    }


def _as_json(event: EventType, data: Mapping[str, Any], at: datetime | None) -> str:
    stamp = (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    whole = {"type": event.value, "timestamp": stamp, "data": data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
