"""Days and weeks whose counts are odd: visits of areas, and failures of photo hosts.

On the root scale of `statistics.py`: a count is odd if it is more than ODD_SPREADS from what is usual **and** at least
ODD_RATIO times it, or at most one part in ODD_RATIO. Days are judged where there are enough for a day that has four
fifths too few to be found; smaller ones by the week alone, and the smallest not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from django.db import connection
from django.template.defaultfilters import pluralize

from insights.audience import Audience
from insights.findings import Finding
from insights.scope import start_of, zone
from insights.statistics import HISTORY_DAYS, HISTORY_WEEKS, Usual, root, spread_of, usual_day, usual_week
from jobs.errors import Canceled, Skipped, UnknownStore

ODD_SPREADS = 4.0
ODD_RATIO = 2.0
# The latest days that are judged, so that visits that were submitted late are counted.
JUDGED_DAYS = 35
READ_DAYS = HISTORY_DAYS + JUDGED_DAYS
# Days after an odd one in which another belongs to the same episode, and for which it stays open.
EPISODE_DAYS = 7
# Visits in a usual week: from how many on days are judged (40 a day), and weeks at all (3 a day).
DAILY_VISITS, WEEKLY_VISITS = 280, 21
# Images in a usual week, for hosts.
DAILY_IMAGES, WEEKLY_IMAGES = 70, 10
# An image that was never asked for tells nothing of its host.
_NOT_OF_THE_HOST = [UnknownStore.code, Skipped.code, Canceled.code]

type Days = list[float]


@dataclass(frozen=True, slots=True)
class Odd:
    """`since` to `until`, one day or one week, with its count; the score is in spreads."""

    since: date
    until: date
    expected: float
    seen: float
    score: float

    @property
    def direction(self) -> int:
        return 1 if self.score > 0 else -1


def is_odd(count: float, usual: Usual) -> bool:
    expected = usual.count
    return abs(usual.score(count)) > ODD_SPREADS and (count >= ODD_RATIO * expected or count * ODD_RATIO <= expected)


# --- Visits of areas


def area_days(audience: Audience, today: date) -> dict[str, Days]:
    """Visits of each area of the store master on the READ_DAYS days before `today`, oldest first."""
    owned, parameters = audience.condition("summary")
    first = today - timedelta(days=READ_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT store.area_code, (summary.visited_at AT TIME ZONE %s)::date, count(*)
            FROM insights_visitsummary summary JOIN stores_store store ON store.store_id = summary.store_id
            WHERE summary.visited_at >= %s AND summary.visited_at < %s AND {owned}
            GROUP BY 1, 2
            """,  # noqa: S608 - a condition of ours
            [zone().key, start_of(first), start_of(today), *parameters],
        )
        areas: dict[str, Days] = {}
        for area, day, visits in cursor.fetchall():
            areas.setdefault(area, [0.0] * READ_DAYS)[(day - first).days] = visits
    return areas


def is_watched(days: Sequence[float], least: int) -> bool:
    """Whether a history of HISTORY_DAYS holds `least` in a usual week, and something in most weeks."""
    weeks = _weeks(days)
    return median(weeks) >= least and sum(week > 0 for week in weeks) >= HISTORY_WEEKS - 2


def odd_days_of_visits(days: Sequence[float], first: date) -> Iterator[Odd]:
    """The odd ones among those of `days` that have a history, and the weeks, Monday to Sunday; `first` is the first."""
    for place in range(HISTORY_DAYS, len(days)):
        day = first + timedelta(days=place)
        history = days[place - HISTORY_DAYS : place]
        if is_watched(history, DAILY_VISITS) and is_odd(days[place], usual := usual_day(history)):
            yield Odd(day, day, usual.count, days[place], usual.score(days[place]))
        week = days[place : place + 7]
        if day.weekday() == 0 and len(week) == 7 and is_watched(history, WEEKLY_VISITS):
            usual = usual_week(_weeks(history), history)
            if is_odd(sum(week), usual):
                yield Odd(day, day + timedelta(days=6), usual.count, sum(week), usual.score(sum(week)))


def area_visits(audience: Audience, today: date) -> Iterator[Finding]:
    first = today - timedelta(days=READ_DAYS)
    for area, days in area_days(audience, today).items():
        for episode in episodes(odd_days_of_visits(days, first)):
            yield _finding("area", area, episode, today, _visits)


def _visits(odd: Odd) -> str:
    when = f"on {odd.since}" if odd.since == odd.until else f"in the week from {odd.since}"
    return f"{odd.seen:,.0f} visit{pluralize(odd.seen)} {when}, where {odd.expected:,.0f} were usual."


# --- Failures of hosts


def host_days(audience: Audience, today: date) -> dict[str, tuple[Days, Days]]:
    """Images of each host that ended on the READ_DAYS days before `today`, oldest first, and the failed among them."""
    owned, parameters = audience.condition("hours")
    first = today - timedelta(days=READ_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT hours.host, (hours.hour AT TIME ZONE %s)::date, sum(code.value::int),
                sum(code.value::int) FILTER (WHERE code.key <> '')
            FROM insights_hosthour hours CROSS JOIN jsonb_each_text(hours.codes) code
            WHERE hours.hour >= %s AND hours.hour < %s AND hours.host <> '' AND {owned} AND code.key <> ALL(%s)
            GROUP BY 1, 2
            """,  # noqa: S608 - a condition of ours
            [zone().key, start_of(first), start_of(today), *parameters, _NOT_OF_THE_HOST],
        )
        hosts: dict[str, tuple[Days, Days]] = {}
        for host, day, images, failed in cursor.fetchall():
            of_host = hosts.setdefault(host, ([0.0] * READ_DAYS, [0.0] * READ_DAYS))
            place = (day - first).days
            of_host[0][place], of_host[1][place] = images, failed or 0
    return hosts


def odd_days_of_failures(images: Sequence[float], failed: Sequence[float], first: date) -> Iterator[Odd]:
    """Days, and of small hosts weeks, with more failures than the host's usual share of that many images.

    The usual share is the median of those of eight weeks; the spread is that of all 56 days around it. Fewer failures
    than usual are nothing to be alarmed by.
    """
    for place in range(HISTORY_DAYS, len(images)):
        day = first + timedelta(days=place)
        past, past_failed = images[place - HISTORY_DAYS : place], failed[place - HISTORY_DAYS : place]
        if is_watched(past, DAILY_IMAGES):
            length = 1
        elif day.weekday() == 0 and place + 7 <= len(images) and is_watched(past, WEEKLY_IMAGES):
            length = 7
        else:
            continue
        now, now_failed = sum(images[place : place + length]), sum(failed[place : place + length])
        usual = usual_failures(past, past_failed, now)
        if now_failed > usual.count and is_odd(now_failed, usual):
            yield Odd(day, day + timedelta(days=length - 1), usual.count, now_failed, usual.score(now_failed))


def usual_failures(images: Sequence[float], failed: Sequence[float], now: float) -> Usual:
    """What is usual among `now` images after HISTORY_DAYS days of images and failures."""
    shares = [bad / all_ for bad, all_ in zip(_weeks(failed), _weeks(images), strict=True) if all_]
    share = median(shares)
    residuals = [root(bad) - root(share * all_) for bad, all_ in zip(failed, images, strict=True)]
    return Usual(root(share * now), spread_of(residuals))


def host_failures(audience: Audience, today: date) -> Iterator[Finding]:
    first = today - timedelta(days=READ_DAYS)
    for host, (images, failed) in host_days(audience, today).items():
        for episode in episodes(odd_days_of_failures(images, failed, first)):
            yield _finding("host", host, episode, today, _failures)


def _failures(odd: Odd) -> str:
    when = f"on {odd.since}" if odd.since == odd.until else f"in the week from {odd.since}"
    return f"{odd.seen:,.0f} image{pluralize(odd.seen)} failed {when}, where {odd.expected:,.1f} were usual."


# --- Both


def episodes(odd: Iterable[Odd]) -> Iterator[list[Odd]]:
    """Odd days and weeks of the same direction, at most EPISODE_DAYS apart, together."""
    ordered = sorted(odd, key=lambda each: each.since)
    for direction in (-1, 1):
        same = [each for each in ordered if each.direction == direction]
        episode: list[Odd] = []
        for each in same:
            if episode and (each.since - max(before.until for before in episode)).days > EPISODE_DAYS:
                yield episode
                episode = []
            episode.append(each)
        if episode:
            yield episode


def _finding(kind: str, subject: str, episode: list[Odd], today: date, says: Callable[[Odd], str]) -> Finding:
    """The day or week that differs most says what was expected and seen."""
    worst = max(episode, key=lambda each: abs(each.score))
    since, until = min(each.since for each in episode), max(each.until for each in episode)
    return Finding(
        kind,
        subject,
        since,
        until,
        worst.expected,
        worst.seen,
        says(worst),
        direction=worst.direction,
        is_over=(today - until).days > EPISODE_DAYS,
    )


def _weeks(days: Sequence[float]) -> list[float]:
    return [sum(days[at : at + 7]) for at in range(0, HISTORY_DAYS, 7)]
