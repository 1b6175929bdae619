"""Making and changing endpoints: what the API, the pages, the admin and the command all call.

Who may do so is asked by these callers: an endpoint belongs to a user, and `Endpoint.objects.owned_by(user)` are all
that a user may see or change.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from access import rights
from jobs import errors
from jobs.models.expressions import ClockTimestamp
from jobs.queue import database_now
from webhooks import bodies, signing
from webhooks.addresses import guard
from webhooks.kinds import SUBSCRIBABLE, EventType
from webhooks.models import Delivery, DisabledFor, Endpoint, Event
from webhooks.models.endpoint import LONGEST_NAME, LONGEST_URL, MOST_ENDPOINTS
from webhooks.outbox import new_uid

if TYPE_CHECKING:
    from webhooks.models import EndpointQuerySet

# How long the secret before the last one signs as well.
ROTATION = timedelta(hours=24)
# What a job's own endpoint is told of, unless its submission names others.
CALLBACK_EVENTS = (EventType.JOB_ENDED,)


class Refused(ValueError):
    """What was asked for cannot be; the text is a sentence for people, `field` says what it is about:
    `url`, `events`, `name`, `of_all`, or empty where it is the endpoint as it is."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class TooManyEndpoints(Refused):
    """The user has MOST_ENDPOINTS."""


def create(owner: User | None, url: str, events: Iterable[str], *, name: str = "", of_all: bool = False) -> Endpoint:
    """A new endpoint, whose `secret` the caller shows once and never again. Raises Refused and TooManyEndpoints.

    `of_all` is told of everybody's jobs; its owner must be one who may read them.
    """
    if of_all and (owner is None or not rights.may_read_all_jobs(owner)):
        raise Refused("of_all", "Only who may read all jobs can be told of all jobs.")
    made = Endpoint(
        owner=owner,
        of_all=of_all,
        name=checked_name(name),
        url=checked_url(url),
        events=checked_events(events),
        secret=signing.new_secret(),
    )
    with transaction.atomic():
        if owner is not None:
            # So that two requests at once cannot both add the last one.
            User.objects.select_for_update(no_key=True).get(pk=owner.pk)
        if Endpoint.objects.owned_by(owner).lasting().count() >= MOST_ENDPOINTS:
            raise TooManyEndpoints("", f"There are {MOST_ENDPOINTS} endpoints already; delete one that is not needed.")
        made.save()
    return made


def add_callback(
    job_id: int, owner: User | None, url: str, events: Iterable[str] = CALLBACK_EVENTS, secret: str = ""
) -> Endpoint:
    """The endpoint of one job alone. Call in the transaction that stores the job: see `stored` of
    `jobs.submission.submit.submit`. `secret` where the answer is to show one that is known before; else it gets its
    own. It is deleted with its job, or once nothing of it is left in the log.

    Raises Refused; check the URL by `checked_url` before the submission, so that nothing is undone for it.
    """
    made = Endpoint(
        job_id=job_id,
        owner=owner,
        url=checked_url(url),
        events=checked_events(events),
        secret=secret or signing.new_secret(),
    )
    made.save()
    return made


def checked_url(url: str) -> str:
    """The URL as it will be asked: ASCII, without fragment. Raises Refused where nothing could ever be sent to it.

    A host name is checked no further: every address of it is checked each time a connection is made.
    """
    try:
        target = guard().admit(url)
        if _is_address(target.host):
            guard().check(target.host, target.host)
    except errors.FetchError as error:
        raise Refused("url", str(error)) from None
    if len(target.url) > LONGEST_URL:
        raise Refused("url", f"The URL is longer than {LONGEST_URL:,} characters.")
    return target.url


def checked_events(events: Iterable[str]) -> list[str]:
    """The events in a fixed order, each once. Raises Refused where there are none, or one is not known."""
    asked = set(events)
    known = [event.value for event in SUBSCRIBABLE]
    if not asked or not asked <= set(known):
        raise Refused("events", f"The events are one or more of: {', '.join(known)}.")
    return [event for event in known if event in asked]


def checked_name(name: str) -> str:
    name = name.strip()
    if len(name) > LONGEST_NAME or not (name.isprintable() or not name):
        raise Refused("name", f"A name has at most {LONGEST_NAME} characters, on one line.")
    return name


def change(
    endpoint: Endpoint, *, url: str | None = None, events: Sequence[str] | None = None, name: str | None = None
) -> Endpoint:
    """Change what is not None. What waits goes to the new URL as well. Raises Refused."""
    values: dict[str, object] = {}
    if url is not None:
        values["url"] = checked_url(url)
    if name is not None:
        values["name"] = checked_name(name)
    if events is not None:
        values |= {"events": checked_events(events), "asks_since": ClockTimestamp()}
    return _changed(endpoint, **values)


def rotate(endpoint: Endpoint) -> Endpoint:
    """A new `secret`, which the caller shows once; the one before signs as well for ROTATION.

    Of several rotations within that time, only the last secret but one still signs.
    """
    return _changed(endpoint, old_secret=F("secret"), secret=signing.new_secret(), old_secret_until=Now() + ROTATION)


def disable(endpoint: Endpoint) -> Endpoint:
    """Nothing is sent any more; what waits fails, and may be replayed once it is enabled again."""
    found = Endpoint.objects.filter(pk=endpoint.pk, disabled_for="")
    found.update(disabled_for=DisabledFor.PERSON, disabled_at=ClockTimestamp())
    return _again(endpoint)


def enable(endpoint: Endpoint) -> datetime | None:
    """Send again, from now on. Returns since when deliveries have failed, for `replays.replay_failed`: nothing is sent
    again by itself. None where it was enabled already, and has not failed."""
    with transaction.atomic():
        locked = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        times = [each for each in (locked.failing_since, locked.disabled_at) if each is not None]
        was_disabled = bool(locked.disabled_for)
        values: dict[str, object] = {"asks_since": ClockTimestamp()} if was_disabled else {}
        _changed(
            endpoint,
            **values,
            disabled_for="",
            disabled_at=None,
            failures=0,
            failing_since=None,
            rests_until=None,
        )
    return min(times, default=None)


def delete(endpoint: Endpoint) -> None:
    """Gone at once for everybody; its log is deleted slice by slice, see `retention.py`."""
    Endpoint.objects.filter(pk=endpoint.pk).update(
        disabled_for=DisabledFor.DELETED, disabled_at=ClockTimestamp(), secret="", old_secret=""
    )


def send_test(endpoint: Endpoint) -> Delivery:
    """An event `webhook.test` for this endpoint alone, whatever it asks for; an engine sends it within seconds.

    Raises Refused where it is disabled.
    """
    if _again(endpoint).disabled_for:
        raise Refused("", "The endpoint is disabled; enable it first.")
    data = {"endpoint": endpoint.pk, "message": "A test of this endpoint, sent on request."}
    with transaction.atomic():
        event = Event.objects.create(
            uid=new_uid(),
            type=EventType.TEST,
            owner_id=endpoint.owner_id,
            body=bodies.body(EventType.TEST, data, database_now()),
        )
        return Delivery.objects.create(event=event, endpoint=endpoint)


def secrets_of(endpoint: Endpoint, now: datetime) -> list[str]:
    """By which an attempt at `now` is signed, the newest first."""
    until = endpoint.old_secret_until
    return [endpoint.secret, *([endpoint.old_secret] if endpoint.old_secret and until and now < until else [])]


def needing_attention(user: User) -> EndpointQuerySet:
    """The user's endpoints that the service has switched off: what a banner names."""
    return Endpoint.objects.owned_by(user).lasting().disabled_by_itself()


def _changed(endpoint: Endpoint, **values: object) -> Endpoint:
    if values:
        Endpoint.objects.filter(pk=endpoint.pk).update(**values)
    return _again(endpoint)


def _again(endpoint: Endpoint) -> Endpoint:
    """The endpoint as it is stored. Raises Endpoint.DoesNotExist where it was deleted meanwhile."""
    endpoint.refresh_from_db(from_queryset=Endpoint.objects.all())
    return endpoint


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
