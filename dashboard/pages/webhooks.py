"""Webhooks: one's own endpoints, one with its deliveries, and what is done to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access import rights
from api.v1 import webhook_bodies
from api.v1.request_bodies import Unacceptable
from dashboard.parameters import row_id, text
from jobs.submission.dates import read_period
from webhooks import delivery_log, endpoints, replays
from webhooks.kinds import SUBSCRIBABLE, EventType
from webhooks.models import DeliveryState, Endpoint
from webhooks.models.endpoint import LONGEST_NAME, LONGEST_URL, MOST_ENDPOINTS
from webhooks.readers import deliveries_of

ROWS = 50
# In the session: the endpoint whose secret is new, and shown on its page once.
SHOW_ONCE = "new_webhook"


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def webhook_list(request: HttpRequest) -> HttpResponse:
    """All that one has set up, and the latest of single jobs."""
    form = _Form(request)
    if request.method == "POST":
        values, faults = form.read()
        if not faults:
            try:
                endpoint = endpoints.create(rights.owner_of(request.user), **values)
            except endpoints.Refused as refused:
                messages.error(request, str(refused))
                return redirect("dashboard:webhooks")
            request.session[SHOW_ONCE] = endpoint.pk
            return redirect("dashboard:webhook", endpoint.pk)
    own = Endpoint.objects.owned_by(request.user)
    before = row_id(request.GET, "before")
    of_jobs = own.exclude(job_id=None).order_by("-pk")
    rows = list((of_jobs if before is None else of_jobs.filter(pk__lt=before))[: ROWS + 1])
    context = {
        "webhooks": own.lasting().order_by("pk")[:MOST_ENDPOINTS],
        "of_jobs": rows[:ROWS],
        "before": before,
        "next": rows[ROWS - 1].pk if len(rows) > ROWS else None,
        **form.context(),
    }
    return render(request, "dashboard/webhooks/list.html", context, status=400 if form.faults else 200)


@require_safe
@login_required
def webhook_page(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Its state and its deliveries, the latest first; after it was made or rotated, once its secret."""
    endpoint = _find(request, webhook_id)
    state, event_type = text(request.GET, "state", 16), text(request.GET, "type", 32)
    state = state if state in DeliveryState.values else ""
    event_type = event_type if event_type in EventType.values else ""
    before = row_id(request.GET, "before")
    log = delivery_log.page(endpoint, request.user, state=state, event_type=event_type, before=before or 0, limit=ROWS)
    is_new = request.method == "GET" and request.session.get(SHOW_ONCE) == endpoint.pk
    if is_new:
        del request.session[SHOW_ONCE]
    context = {
        "webhook": endpoint,
        "secret": endpoint.secret if is_new else "",
        "deliveries": log.rows,
        "next": log.next_before,
        "before": before,
        "state": state,
        "states": DeliveryState.choices,
        "type": event_type,
        "types": EventType.choices,
        "parts": {name: value for name, value in (("state", state), ("type", event_type)) if value},
    }
    return render(request, "dashboard/webhooks/page.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def change_webhook(request: HttpRequest, webhook_id: int) -> HttpResponse:
    endpoint = _find(request, webhook_id)
    form = _Form(request, endpoint)
    if request.method == "POST":
        values, faults = form.read()
        if not faults:
            with _unless_deleted():
                endpoints.change(endpoint, **values)
            messages.success(request, "Changed the webhook.")
            return redirect("dashboard:webhook", webhook_id)
    context = {"webhook": endpoint, **form.context()}
    return render(request, "dashboard/webhooks/change.html", context, status=400 if form.faults else 200)


@require_POST
@login_required
def act(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Enable, disable, rotate, test, or replay what has failed."""
    endpoint = _find(request, webhook_id)
    with _unless_deleted():
        _act(request, endpoint)
    return redirect("dashboard:webhook", webhook_id)


def _act(request: HttpRequest, endpoint: Endpoint) -> None:
    match request.POST.get("act"):
        case "enable":
            _enable(request, endpoint)
        case "disable":
            endpoints.disable(endpoint)
            messages.success(request, "Disabled: nothing is sent to it until you enable it.")
        case "rotate":
            endpoints.rotate(endpoint)
            request.session[SHOW_ONCE] = endpoint.pk
        case "test":
            _attempt(request, lambda: endpoints.send_test(endpoint), "A test is on its way, see below.")
        case "replay_failed":
            _replay_failed(request, endpoint)
        case _:
            messages.warning(request, "There is no such action.")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete_webhook(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Asks first."""
    endpoint = _find(request, webhook_id)
    if request.method == "POST":
        endpoints.delete(endpoint)
        messages.success(request, "Deleted the webhook.")
        return redirect("dashboard:webhooks")
    return render(request, "dashboard/webhooks/confirm_delete.html", {"webhook": endpoint})


@require_safe
@login_required
def delivery_page(request: HttpRequest, webhook_id: int, delivery_id: int) -> HttpResponse:
    """The request, and each attempt with what came back."""
    delivery = _find_delivery(request, webhook_id, delivery_id)
    context = {
        "webhook": delivery.endpoint,
        "delivery": delivery,
        "request_sent": delivery_log.request_of(delivery),
        "attempts": delivery_log.attempts(delivery),
        "most": delivery_log.MOST_ATTEMPTS,
    }
    return render(request, "dashboard/webhooks/delivery.html", context)


@require_POST
@login_required
def replay_delivery(request: HttpRequest, webhook_id: int, delivery_id: int) -> HttpResponse:
    delivery = _find_delivery(request, webhook_id, delivery_id)
    with _unless_deleted():
        _attempt(request, lambda: replays.replay(delivery), "It is sent again, with the same webhook-id.")
    return redirect("dashboard:webhook_delivery", webhook_id, delivery_id)


@contextmanager
def _unless_deleted() -> Iterator[None]:
    """Not found, where the webhook or the delivery is deleted between its look-up and what is done to it within."""
    try:
        yield
    except ObjectDoesNotExist:
        raise Http404("It was deleted in the meantime.") from None


def _enable(request: HttpRequest, endpoint: Endpoint) -> None:
    since = endpoints.enable(endpoint)
    sentence = "Enabled: what happens from now on is sent to it."
    if since is not None:
        sentence += f" Deliveries have failed since {since:%Y-%m-%d %H:%M} UTC; replay them below."
    messages.success(request, sentence)


def _attempt(request: HttpRequest, do: Any, after: str) -> None:
    try:
        do()
    except endpoints.Refused as refused:
        messages.warning(request, str(refused))
    else:
        messages.success(request, after)


def _replay_failed(request: HttpRequest, endpoint: Endpoint) -> None:
    period = read_period(text(request.POST, "since", 40))
    if period is None:
        messages.warning(request, "Say since when, as a date or a time such as 2026-01-31T17:00.")
        return
    try:
        found = replays.replay_for(request.user, endpoint, period[0])
    except endpoints.Refused as refused:
        messages.warning(request, str(refused))
    else:
        more = " Replay once more for the others." if found.more else ""
        sentence = f"{found.deliveries:,} failed deliver{pluralize(found.deliveries, 'y is,ies are')} sent again.{more}"
        messages.success(request, sentence)


def _find(request: HttpRequest, webhook_id: int) -> Endpoint:
    endpoint = Endpoint.objects.owned_by(request.user).filter(pk=webhook_id).first()
    if endpoint is None:
        raise Http404("There is no such webhook of yours.")
    return endpoint


def _find_delivery(request: HttpRequest, webhook_id: int, delivery_id: int) -> Any:
    readable = deliveries_of(_find(request, webhook_id), request.user)
    found = readable.select_related("event", "endpoint").filter(pk=delivery_id).first()
    if found is None:
        raise Http404("There is no such delivery of this webhook; old ones are deleted.")
    return found


class _Form:
    """What is asked of an endpoint: as it is, or as the request has it, with what is wrong with that."""

    def __init__(self, request: HttpRequest, endpoint: Endpoint | None = None) -> None:
        self._request = request
        self._is_new = endpoint is None
        self._may_all = self._is_new and rights.may_read_all_jobs(request.user)
        self.faults: dict[str, str] = {}
        self._values: dict[str, Any] = {
            "url": endpoint.url if endpoint else "",
            "name": endpoint.name if endpoint else "",
            "events": endpoint.events if endpoint else [EventType.JOB_ENDED],
        }
        self._job_id = endpoint.job_id if endpoint else None

    def read(self) -> tuple[dict[str, Any], dict[str, str]]:
        posted = self._request.POST
        given: dict[str, Any] = {
            "url": text(posted, "url", LONGEST_URL + 1),
            "name": text(posted, "name", LONGEST_NAME + 1),
            "events": posted.getlist("events")[: len(EventType)],
        }
        if self._is_new:
            given["of_all"] = self._may_all and "of_all" in posted
        self._values = given
        values: dict[str, Any] = {}
        for field, value in given.items():
            try:
                values[field] = webhook_bodies.NEW[field](value)
            except Unacceptable as fault:
                self.faults[field] = f"It {fault}."
        return values, self.faults

    def context(self) -> dict[str, Any]:
        known = SUBSCRIBABLE if self._job_id is None else webhook_bodies.OF_A_JOB
        return {
            "form": self._values,
            "faults": self.faults,
            "choices": [(event.value, event.label, event in self._values["events"]) for event in known],
            "may_all": self._may_all,
            "longest_url": LONGEST_URL,
            "longest_name": LONGEST_NAME,
            "most": MOST_ENDPOINTS,
        }
