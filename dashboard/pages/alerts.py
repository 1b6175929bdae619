"""Alerts: their list, one with its dismissal, and each rule with how often it is wrong."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from access import rights
from dashboard.parameters import row_id, text
from insights import alerts
from insights.audience import audience_of
from insights.default_period import WEEKS
from insights.figures import FEWEST
from insights.models import Alert, RuleCheck
from insights.models.alert import MAX_REASON
from insights.rule_tests import MOST_GAPS_OF, MOST_SUBJECTS, rates
from insights.rules import RULES
from stores.models import Store

ROWS = 50
MAX_SUBJECT = 255


@require_safe
@login_required
def alert_list(request: HttpRequest) -> HttpResponse:
    """The open ones at first, the latest first; paged by key."""
    visible = alerts.visible_to(request.user)
    state = request.GET.get("state", Alert.State.OPEN)
    rule = request.GET.get("rule", "")
    about = text(request.GET, "about", MAX_SUBJECT)
    before = row_id(request.GET, "before")
    found = visible.filter(state=state) if state in Alert.State.values else visible
    if rule in RULES:
        found = found.filter(rule=rule)
    if about:
        found = found.filter(subject=about)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found.defer("history").order_by("-pk")[: ROWS + 1])
    context = {
        "rows": _with_places(rows[:ROWS]),
        "next": rows[ROWS - 1].pk if len(rows) > ROWS else None,
        "open": visible.open().count(),
        "states": Alert.State.choices,
        "state": state,
        "rules": RULES.values(),
        "rule": rule,
        "about": about,
        "before": before,
        "parts": {"state": state, **{name: value for name, value in (("rule", rule), ("about", about)) if value}},
        "is_of_all": rights.may_read_all_jobs(request.user),
        **_as_of(request),
    }
    return render(request, "dashboard/alerts/list.html", context)


@require_safe
@login_required
def alert_page(request: HttpRequest, alert_id: int) -> HttpResponse:
    alert = _find(request, alert_id)
    ((_, rule, place),) = _with_places([alert])
    context = {
        "alert": alert,
        "rule": rule,
        "place": place,
        "may_dismiss": rights.may_dismiss(request.user, alert),
        "most": MAX_REASON,
        **_as_of(request),
    }
    return render(request, "dashboard/alerts/page.html", context)


@require_POST
@login_required
def dismiss(request: HttpRequest, alert_id: int) -> HttpResponse:
    reason = text(request.POST, "reason", MAX_REASON + 1)
    if not reason or len(reason) > MAX_REASON:
        _find_to_change(request, alert_id)
        messages.warning(request, f"Say why, in at most {MAX_REASON} characters.")
        return redirect("dashboard:alert", alert_id)
    return _change(
        request, alert_id, lambda: alerts.dismiss(alert_id, request.user, reason, timezone.now()), "dismissed"
    )


@require_POST
@login_required
def reopen(request: HttpRequest, alert_id: int) -> HttpResponse:
    return _change(request, alert_id, lambda: alerts.reopen(alert_id, request.user, timezone.now()), "open again")


@require_safe
@login_required
def rule_page(request: HttpRequest, name: str) -> HttpResponse:
    rule = RULES.get(name)
    if rule is None:
        raise Http404("There is no such rule.")
    check = RuleCheck.objects.of(audience_of(request.user)).filter(rule=name).first()
    tested: dict[str, Any] = (check.backtest if check else None) or {}
    context = {
        "rule": rule,
        "check": check,
        "test": tested,
        "rates": rates(tested),
        "fewest": FEWEST,
        "weeks": WEEKS,
        "subjects": MOST_SUBJECTS,
        "gaps_of": MOST_GAPS_OF,
        "open": alerts.visible_to(request.user).open().filter(rule=name).count(),
        **_as_of(request),
    }
    return render(request, "dashboard/alerts/rule.html", context)


def _as_of(request: HttpRequest) -> dict[str, Any]:
    checks = RuleCheck.objects.of(audience_of(request.user))
    last = checks.order_by("-checked_at").values_list("checked_at", flat=True).first()
    return {"checked_at": last, "zone": settings.INSIGHTS_TIME_ZONE}


def _with_places(found: Iterable[Alert]) -> list[tuple[Alert, Any, str]]:
    """Each alert with its rule, and the address of what it is about; empty where no page shows that."""
    listed = list(found)
    ids = [alert.subject for alert in listed if alert.kind == Alert.Kind.STORE]
    stores = {store.store_id: store.pk for store in Store.objects.known(ids)} if ids else {}

    def place(alert: Alert) -> str:
        if alert.kind == Alert.Kind.STORE and alert.subject in stores:
            return reverse("dashboard:store", args=[stores[alert.subject]])
        if alert.kind == Alert.Kind.AREA:
            return f"{reverse('dashboard:area')}?{urlencode({'area': alert.subject})}"
        return ""

    return [(alert, RULES.get(alert.rule), place(alert)) for alert in listed]


def _find(request: HttpRequest, alert_id: int) -> Alert:
    alert = alerts.readable_by(request.user).filter(pk=alert_id).first()
    if alert is None:
        raise Http404("There is no such alert that you may see; those that are over are deleted after half a year.")
    return alert


def _find_to_change(request: HttpRequest, alert_id: int) -> Alert:
    alert = _find(request, alert_id)
    if not rights.may_dismiss(request.user, alert):
        raise PermissionDenied(f"You may read alert {alert_id}, but it takes the permission to change jobs to do this.")
    return alert


def _change(request: HttpRequest, alert_id: int, do: Callable[[], Alert], after: str) -> HttpResponse:
    _find_to_change(request, alert_id)
    try:
        do()
    except alerts.NotChanged as error:
        messages.warning(request, str(error))
    except Alert.DoesNotExist:
        raise Http404("The alert was deleted in the meantime.") from None
    else:
        messages.success(request, f"The alert is {after}.")
    return redirect("dashboard:alert", alert_id)
