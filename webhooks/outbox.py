"""The outbox: what has happened becomes rows in the transaction in which it happens, or not at all.

An event is stored once, with a delivery for each endpoint that asks for it. Its `webhook-id` is drawn at random and
stays the same for ever: receivers recognise by it what they have had before. The order of events is promised to
nobody: deliveries go out side by side, and one that failed comes later than those behind it.

Here is only who may be told in general; whether an endpoint's owner may still read what it is about is asked when it is
sent, see `sender.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import batched
from operator import eq
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import connection

from access import rights
from insights.models import Alert
from jobs.models import ImageResult, Job
from jobs.queue.milestones import Failed, Milestone, Reached
from stores.import_report import ImportReport
from webhooks import bodies
from webhooks.kinds import EventType
from webhooks.models import DeliveryState, Endpoint, Event
from webhooks.models.endpoint import IS_TOLD, TOLD, TOLD_OF_ALL

_MILESTONES = {
    Milestone.STARTED: EventType.JOB_STARTED,
    Milestone.PROGRESS: EventType.JOB_PROGRESS,
    Milestone.ENDED: EventType.JOB_ENDED,
}
# One look in one index, for each batch of outcomes that tells of something.
_WHO_ASKS = f"""
    SELECT id, told_of, events, disabled_for = '' FROM webhooks_endpoint
    WHERE told_of = ANY (%s::text[]) AND {IS_TOLD} AND events && %s::varchar[]
"""  # noqa: S608 - constants
# By one statement, whatever the number of endpoints: objects of each would cost the recorder more than all the rest.
# `ended_at` is not the transaction's time: that may have begun before the endpoint was disabled, and a replay looks for
# what has failed from then on.
_DELIVER = f"""
    INSERT INTO webhooks_delivery (event_id, endpoint_id, state, ended_at)
    SELECT event_id, endpoint_id, CASE WHEN is_enabled THEN '{DeliveryState.PENDING}' ELSE '{DeliveryState.FAILED}' END,
        CASE WHEN NOT is_enabled THEN clock_timestamp() END
    FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[]) AS told (event_id, endpoint_id, is_enabled)
"""  # noqa: S608 - constants


class Asking(NamedTuple):
    """An endpoint that is to be told; where it `is_enabled` not, its delivery has failed from the start."""

    endpoint_id: int
    is_enabled: bool


@dataclass(frozen=True, slots=True)
class News:
    """One event that is to be stored, and for whom."""

    type: EventType
    data: Mapping[str, Any]
    asking: Sequence[Asking]
    owner_id: int | None = None
    job_id: int | None = None
    of_all: bool = False


def store(news: Iterable[News]) -> list[Event]:
    """Call in the transaction of what has happened."""
    news = [each for each in news if each.asking]
    if not news:
        return []
    events = Event.objects.bulk_create(
        Event(
            uid=new_uid(),
            type=each.type,
            owner_id=each.owner_id,
            job_id=each.job_id,
            of_all=each.of_all,
            body=bodies.body(each.type, each.data),
        )
        for each in news
    )
    told = [(event.pk, each) for event, one in zip(events, news, strict=True) for each in one.asking]
    with connection.cursor() as cursor:
        cursor.execute(
            _DELIVER,
            [
                _array(event_id for event_id, _ in told),
                _array(each.endpoint_id for _, each in told),
                _array(each.is_enabled for _, each in told),
            ],
        )
    return events


def new_uid() -> str:
    return f"evt_{secrets.token_hex(16)}"


def tell_of_jobs(reached: Sequence[Reached], failed: Sequence[Failed]) -> None:
    """The listener of `jobs/queue/milestones.py`."""
    told: list[tuple[EventType, Reached | Failed]] = [(_MILESTONES[each.milestone], each) for each in reached]
    told += [(EventType.IMAGE_FAILED, each) for each in failed]
    asking = _who_asks({event for event, _ in told}, [each for _, each in told])
    if not asking:
        return
    job_ids = sorted({each.job_id for _, each in told})
    jobs = {job.pk: job for job in Job.objects.filter(id__any=job_ids).with_running()}
    news: list[News] = []
    for event, each in told:
        endpoints = sorted(found for key in _told_of(each) for found in asking.get((key, event), ()))
        if not endpoints:
            continue
        job = jobs[each.job_id]
        if isinstance(each, Failed):
            data = list(_of_failed(job, each.image_ids))
        else:
            data = [bodies.of_job(job, **({"percent": each.percent} if each.percent else {}))]
        news += [News(event, one, endpoints, job.owner_id, job.pk) for one in data]
    store(news)


def _told_of(each: Reached | Failed) -> tuple[str, str, str]:
    """The endpoints that are told of a job, by their `told_of`."""
    owner_id = "" if each.owner_id is None else each.owner_id
    return f"job:{each.job_id}", f"owner:{owner_id}", TOLD_OF_ALL


def _array(values: Iterable[object]) -> str:
    """As a text: to quote a list, the driver takes longer than the server takes for all the rest."""
    return f"{{{','.join(map(str, values))}}}"


def _who_asks(events: set[EventType], told: Sequence[Reached | Failed]) -> dict[tuple[str, str], list[Asking]]:
    """The endpoints that ask for such events of these jobs, by what they are told of and by each event."""
    keys = {key for each in told for key in _told_of(each)}
    with connection.cursor() as cursor:
        cursor.execute(_WHO_ASKS, [_array(sorted(keys)), _array(events)])
        found = cursor.fetchall()
    asking: dict[tuple[str, str], list[Asking]] = {}
    for endpoint_id, told_of, asked, is_enabled in found:
        for event in asked:
            asking.setdefault((told_of, event), []).append(Asking(endpoint_id, is_enabled))
    return asking


def tell_of_import(report: ImportReport) -> None:
    """The listener of `stores/importer.py`; the store master is everybody's who signs in."""
    endpoints = _asking(EventType.STORES_IMPORTED, lambda owner_id: True)
    store([News(EventType.STORES_IMPORTED, bodies.of_import(report), endpoints)])


def tell_of_alerts(alerts: Sequence[Alert]) -> None:
    """The listener of `insights/alerts.py`: alerts of all jobs for those who may read all jobs, others for the owner
    of the jobs."""
    readers: dict[int | None, bool] = {}

    def may_read_all(owner_id: int | None) -> bool:
        if owner_id not in readers:
            owner = User.objects.filter(pk=owner_id, is_active=True).first() if owner_id else None
            readers[owner_id] = rights.may_read_all_jobs(owner)
        return readers[owner_id]

    # Most are of one audience.
    asking: dict[tuple[bool, int | None], list[Asking]] = {}
    for alert in alerts:
        audience = alert.of_all, alert.owner_id
        if audience not in asking:
            wanted = may_read_all if alert.of_all else partial(eq, alert.owner_id)
            asking[audience] = _asking(EventType.ALERT_OPENED, wanted)
    store(
        News(
            EventType.ALERT_OPENED,
            bodies.of_alert(alert),
            asking[alert.of_all, alert.owner_id],
            alert.owner_id,
            of_all=alert.of_all,
        )
        for alert in alerts
    )


def _of_failed(job: Job, image_ids: Sequence[int]) -> Iterable[dict[str, Any]]:
    rows = ImageResult.objects.filter(id__any=list(image_ids)).order_by("pk")
    for images in batched(rows.values_list("pk", "visit_id", "error_code"), bodies.MOST_IMAGES):
        yield bodies.of_failed_images(job, images)


def _asking(event: EventType, wanted: Callable[[int | None], bool]) -> list[Asking]:
    """The lasting endpoints that ask for the event and whose owners are `wanted`."""
    found = Endpoint.objects.lasting().filter(disabled_for__in=TOLD, events__contains=[event]).order_by("pk")
    return [
        Asking(endpoint_id, not disabled_for)
        for endpoint_id, owner_id, disabled_for in found.values_list("pk", "owner_id", "disabled_for")
        if wanted(owner_id)
    ]
