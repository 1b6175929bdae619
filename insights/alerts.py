"""Alerts: what the rules find, kept as rows that people can dismiss.

`evaluate` may run at any time, twice, or be killed: each alert is one row by its rule, subject and episode, which a
later run finds again. What one rule finds of one audience is written in one transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from django.contrib.auth.models import AnonymousUser, User
from django.db import connection, transaction
from django.db.models import Q

from access import rights
from insights.audience import EVERYBODY, Audience, audience_of, audiences
from insights.default_period import WEEKS
from insights.findings import MOST_SUBJECTS, Finding
from insights.models import Alert, AlertQuerySet, RuleCheck
from insights.models.alert import MOST_ACTIONS
from insights.rules import RULES, Rule
from insights.scope import as_of, day_of
from retail_pulse.db import advisory_locks
from retail_pulse.db.timeouts import longer

logger = logging.getLogger(__name__)

# How often the rules are tried, at most; and their back-tests, which change little from day to day.
EVERY = timedelta(hours=1)
TEST_EVERY = timedelta(days=1)
KEPT_DAYS = 183
# After which one is not found again: all days that a rule judges are later.
CONTINUED_DAYS = 60

# Called with alerts that are newly open, within the transaction that has written them: of apps above this one.
listeners: list[Callable[[Sequence[Alert]], None]] = []


class NotChanged(Exception):
    """The alert is not in the state that the change begins at; the text says which one it is in."""


def visible_to(user: User | AnonymousUser | None) -> AlertQuerySet:
    """What is listed: those of all jobs, to who may read all jobs; else those of the user's own."""
    return Alert.objects.of(audience_of(user))


def readable_by(user: User | AnonymousUser | None) -> AlertQuerySet:
    """Those that the user may read by their ids: who may read all jobs, of each owner's jobs too."""
    return Alert.objects.all() if rights.may_read_all_jobs(user) else visible_to(user)


def is_due(now: datetime) -> bool:
    """Whether EVERY has passed since the last time, or a day has ended."""
    last = RuleCheck.objects.of(EVERYBODY).order_by("checked_at").values_list("checked_at", flat=True).first()
    return last is None or now - last >= EVERY or day_of(now) != day_of(last)


def evaluate_if_due(now: datetime) -> bool:
    """For a loop; says whether the rules were tried."""
    if not is_due(now):
        return False
    evaluate(now)
    return True


def evaluate(now: datetime) -> int:
    """Try every rule for every audience, as of the last refresh; returns how many alerts of all jobs are open then.

    Before the first refresh there is nothing to judge by. A day is judged once the refresh has passed its end: else
    what waits to be summed would look like missing visits.
    """
    mark = as_of()
    if mark is None:
        return 0
    today = day_of(min(now, mark))
    for audience in audiences(now - timedelta(weeks=WEEKS)):
        found: dict[str, Sequence[Finding]] = {}
        for rule in RULES.values():
            with longer("alerts"):
                found[rule.name] = list(rule.find(audience, today, found))
                _write(rule, audience, found[rule.name], now, today)
            _test(rule, audience, now, today)
    Alert.objects.exclude(state=Alert.State.OPEN).filter(last_seen__lt=now - timedelta(days=KEPT_DAYS)).delete()
    return Alert.objects.of(EVERYBODY).open().count()


def dismiss(alert_id: int, user: User | AnonymousUser | None, reason: str, now: datetime) -> Alert:
    """Raises NotChanged unless it is open, and Alert.DoesNotExist."""
    with transaction.atomic():
        alert = Alert.objects.select_for_update().get(pk=alert_id)
        if alert.state != Alert.State.OPEN:
            raise NotChanged(f"Alert {alert_id} is {alert.state}, so it cannot be dismissed.")
        who = user if isinstance(user, User) else None
        alert.state, alert.dismissed_at, alert.reason = Alert.State.DISMISSED, now, reason
        alert.dismissed_by, alert.dismissed_by_name = who, who.get_username() if who else ""
        _remember(alert, "dismissed", reason, now, who)
    return alert


def reopen(alert_id: int, user: User | AnonymousUser | None, now: datetime) -> Alert:
    """Raises NotChanged unless it is dismissed, and Alert.DoesNotExist."""
    with transaction.atomic():
        alert = Alert.objects.select_for_update().get(pk=alert_id)
        if alert.state != Alert.State.DISMISSED:
            raise NotChanged(f"Alert {alert_id} is {alert.state}, so it cannot be reopened.")
        alert.state, alert.dismissed_at, alert.reason = Alert.State.OPEN, None, ""
        alert.dismissed_by, alert.dismissed_by_name = None, ""
        _remember(alert, "reopened", "", now, user if isinstance(user, User) else None)
    return alert


def _remember(alert: Alert, what: str, reason: str, now: datetime, who: User | None) -> None:
    entry = {"at": now.isoformat(), "by": who.get_username() if who else "", "what": what, "reason": reason}
    alert.history = [*alert.history, entry][-MOST_ACTIONS:]
    alert.save(update_fields=["state", "dismissed_at", "dismissed_by", "dismissed_by_name", "reason", "history"])


def _together(rule: Rule, found: Sequence[Finding], today: date) -> Sequence[Finding]:
    """The findings, or one for all where they are too many to be looked at one by one."""
    going_on = [finding for finding in found if not finding.is_over]
    if len(going_on) <= MOST_SUBJECTS:
        return found
    says = f"More than {MOST_SUBJECTS:,} {rule.subjects} at once, which is one thing: none is listed by itself."
    return [Finding(Alert.Kind.SERVICE, "", min(each.since for each in going_on), today, None, len(going_on), says)]


def _write(rule: Rule, audience: Audience, found: Sequence[Finding], now: datetime, today: date) -> None:
    """In the transaction of what was read, so that of two runs the later one has read later."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [advisory_locks.ALERTS])
    found = _together(rule, found, today)
    kept: dict[tuple[str, str, int], list[Alert]] = {}
    recent = Q(state=Alert.State.OPEN) | Q(last_seen__gte=now - timedelta(days=CONTINUED_DAYS))
    # Locked, so that nobody dismisses one that is then written as it was before.
    before = Alert.objects.of(audience).filter(recent, rule=rule.name).select_for_update()
    for alert in before.order_by("-since"):
        kept.setdefault((alert.kind, alert.subject, alert.direction), []).append(alert)
    seen: set[int] = set()
    opened: list[Alert] = []
    for finding in found:
        same = kept.get((finding.kind, finding.subject, finding.direction), ())
        alert = _continued(rule, finding, same) or Alert(
            of_all=audience.of_all,
            owner_id=audience.owner_id,
            rule=rule.name,
            kind=finding.kind,
            subject=finding.subject,
            direction=finding.direction,
            since=finding.since,
            first_seen=now,
        )
        is_new = alert.pk is None
        _update(alert, finding, now)
        seen.add(alert.pk)
        if is_new and alert.state == Alert.State.OPEN:
            opened.append(alert)
    ended = [each.pk for alerts in kept.values() for each in alerts if each.pk not in seen]
    Alert.objects.filter(pk__in=ended, state=Alert.State.OPEN).update(state=Alert.State.OVER)
    RuleCheck.objects.update_or_create(
        of_all=audience.of_all,
        owner_id=audience.owner_id,
        rule=rule.name,
        defaults={"checked_at": now, "found": len(found)},
    )
    if opened:
        for listener in listeners:
            listener(opened)


def _continued(rule: Rule, finding: Finding, alerts: Sequence[Alert]) -> Alert | None:
    for alert in alerts:
        late = timedelta(days=rule.episode_days)
        if finding.since <= alert.until + late and alert.since <= finding.until + late:
            return alert
    return None


def _update(alert: Alert, finding: Finding, now: datetime) -> None:
    alert.since = min(alert.since, finding.since)
    alert.until = finding.until
    alert.expected, alert.seen, alert.says = finding.expected, finding.seen, finding.says
    alert.last_seen = alert.last_seen if finding.is_over and alert.pk else now
    if alert.state != Alert.State.DISMISSED:
        alert.state = Alert.State.OVER if finding.is_over else Alert.State.OPEN
    alert.save()


def _test(rule: Rule, audience: Audience, now: datetime, today: date) -> None:
    check = RuleCheck.objects.of(audience).get(rule=rule.name)
    if check.tested_at is not None and now - check.tested_at < TEST_EVERY:
        return
    with longer("alerts"):
        check.backtest, check.tested_at = rule.test(audience, today).as_json(), now
    check.save(update_fields=["backtest", "tested_at"])
