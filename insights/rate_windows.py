"""Keeps the rates of stores beside their hosts for the periods that pages and the API show without being asked.

A rate needs every visit of its period with its host, so that no sums of days serve, and takes seconds for millions of
visits. So these are counted anew every quarter of an hour, and when a day ends; what is shown says as of when. Other
periods are counted when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from insights import reading
from insights.audience import Audience, audiences
from insights.back_tests import HELD_OUT, parts
from insights.default_period import PERIODS
from insights.models import KeptRate, RateWindow, Refreshed
from insights.periods import first_day
from insights.scope import Scope, start_of, today, zone
from insights.store_rates import COLUMNS, statement
from retail_pulse.db.timeouts import longer

EVERY = timedelta(minutes=15)

# Locked until the transaction ends, so that two refreshers take turns.
_WINDOW = """
    INSERT INTO insights_ratewindow (of_all, owner_id, since, until, zone, as_of)
    SELECT %s, %s, %s, %s, %s, mark FROM insights_refreshed
    ON CONFLICT (of_all, owner_id, since, until) DO UPDATE SET zone = excluded.zone, as_of = excluded.as_of
    RETURNING id
"""


def slices() -> Iterator[None]:
    """After a refresh: counts what is due, a window at a time, each committed when it is yielded."""
    now = timezone.now()
    _forget()
    if not Refreshed.objects.exists():
        return
    for audience in audiences(start_of(first_day())):
        for scope in scopes(audience):
            if _is_due(audience, scope, now):
                _count(audience, scope)
                yield


def scopes(audience: Audience) -> Iterator[Scope]:
    """The last weeks, of each as many as a page offers, and the two parts of each by which it is tested."""
    for weeks in PERIODS:
        whole = Scope(audience.reader(), first_day(weeks), today())
        yield whole
        if whole.days >= HELD_OUT:
            yield from parts(whole)


def _is_due(audience: Audience, scope: Scope, now: datetime) -> bool:
    windows = RateWindow.objects.filter(of_all=audience.of_all, owner_id=audience.owner_id, zone=zone().key)
    return not windows.filter(since=scope.since, until=scope.until, as_of__gt=now - EVERY).exists()


def _count(audience: Audience, scope: Scope) -> None:
    window = [audience.of_all, audience.owner_id, scope.since, scope.until, zone().key]
    sql, parameters = statement(scope)
    with longer("refresh"), connection.cursor() as cursor:
        cursor.execute(_WINDOW, window)
        (window_id,) = cursor.fetchone()
        cursor.execute("DELETE FROM insights_keptrate WHERE window_id = %s", [window_id])
        cursor.execute(reading.OF_MANY)
        cursor.execute(
            f"INSERT INTO insights_keptrate (window_id, {COLUMNS}) {sql} SELECT %s, {COLUMNS} FROM store",  # noqa: S608 - constants
            [*parameters, window_id],
        )


def _forget() -> None:
    """Those that nobody asks for any more: of a day that has ended, or of an owner without visits."""
    if RateWindow.objects.filter(as_of__lt=timezone.now() - timedelta(days=1)).delete()[0]:
        KeptRate.objects.exclude(window_id__in=RateWindow.objects.values("pk")).delete()
