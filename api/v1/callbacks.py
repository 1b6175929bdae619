"""A submission's `callback_url`: a webhook of this job alone, stored with it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from django.contrib.auth.models import User

from api.v1 import request_bodies, webhook_bodies
from jobs.submission.payload import Problem
from webhooks import endpoints
from webhooks.models import Endpoint

_DEFAULT_EVENTS = [event.value for event in endpoints.CALLBACK_EVENTS]
_FIELDS: dict[str, Callable[[Any], Any]] = {
    "callback_url": webhook_bodies.url,
    "callback_secret": webhook_bodies.secret,
    "callback_events": webhook_bodies.events(webhook_bodies.OF_A_JOB),
}
SCHEMA: dict[str, Any] = {
    "callback_url": {**webhook_bodies.URL, "description": "An address that is told of this job, as webhooks are."},
    "callback_secret": webhook_bodies.SECRET,
    "callback_events": {
        **webhook_bodies.events_schema(webhook_bodies.OF_A_JOB),
        "default": _DEFAULT_EVENTS,
        "description": "What it is told.",
    },
}


class Callback(NamedTuple):
    """`secret` is empty where the service is to make one."""

    url: str
    events: list[str]
    secret: str

    def add(self, job_id: int, owner: User | None) -> None:
        """Call it in the transaction that stores the job."""
        endpoints.add_callback(job_id, owner, self.url, self.events, self.secret)


def read(data: Any) -> tuple[Callback | None, list[Problem]]:
    """What a submission's body asks for, or what is wrong with it."""
    given = {key: data[key] for key in _FIELDS if key in data} if isinstance(data, dict) else {}
    values, faults = {}, []
    for key, value in given.items():
        try:
            values[key] = _FIELDS[key](value)
        except request_bodies.Unacceptable as fault:
            faults.append(Problem((key,), str(fault)))
    faults += [Problem((key,), "needs callback_url") for key in given if "callback_url" not in given]
    if faults or not values:
        return None, faults
    secret = values.get("callback_secret", "")
    return Callback(values["callback_url"], values.get("callback_events", _DEFAULT_EVENTS), secret), []


def told(job_id: int, callback: Callback, *, is_replay: bool) -> dict[str, Any]:
    """What the answer to the submission says of it: the secret that the service has made, in the first answer alone."""
    endpoint = Endpoint.objects.filter(job_id=job_id).order_by("pk").first()
    has_secret = endpoint is not None and not callback.secret and not is_replay
    return {"id": endpoint and endpoint.pk, "secret": endpoint.secret if endpoint and has_secret else None}
