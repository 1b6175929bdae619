"""What is unusual: days and weeks whose counts are not as usual, and gaps between visits that are too long.

On the root scale, a count is unusual if it is more than UNUSUAL_SPREADS from what is usual, an area's visits of a day
more than DAY_SPREADS, **and** at least UNUSUAL_RATIO times it, or at most one part in UNUSUAL_RATIO. Days are judged
where there are enough for a day that has four fifths too few to be found; smaller series by the week alone, and the
smallest not at all. Nothing here knows the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from insights.root_scale import HISTORY_DAYS, HISTORY_WEEKS, Usual, root, spread_of, usual_day, usual_week

UNUSUAL_SPREADS = 4.0
# Less, so that nineteen of twenty days with a fifth of their visits are found where weekdays differ, see
# `proofs/figure_scenes/anomalies.py`.
DAY_SPREADS = 3.5
UNUSUAL_RATIO = 2.0
# The latest days that are judged, so that visits that were submitted late are counted.
JUDGED_DAYS = 35
READ_DAYS = HISTORY_DAYS + JUDGED_DAYS
# Days after an unusual one in which another belongs to the same episode, and for which it stays open.
EPISODE_DAYS = 7
# Visits in a usual week: from how many on days are judged (40 a day), and weeks at all (3 a day).
DAILY_VISITS, WEEKLY_VISITS = 280, 21
# Images in a usual week, for hosts.
DAILY_IMAGES, WEEKLY_IMAGES = 70, 10
# A gap is overdue that exceeds GAP_RATIO times the median of the last GAPS gaps, and the largest of them.
GAPS = 12
GAP_RATIO = 3


@dataclass(frozen=True, slots=True)
class Anomaly:
    """`since` to `until`, one day or one week, with its count; the score is in spreads."""

    since: date
    until: date
    expected: float
    seen: float
    score: float

    @property
    def direction(self) -> int:
        return 1 if self.score > 0 else -1


def is_unusual(count: float, usual: Usual, spreads: float = UNUSUAL_SPREADS) -> bool:
    # Without what computing leaves of a whole number.
    expected = round(usual.count, 6)
    return abs(usual.score(count)) > spreads and (
        count >= UNUSUAL_RATIO * expected or count * UNUSUAL_RATIO <= expected
    )


def weeks_of(days: Sequence[float]) -> list[float]:
    return [sum(days[at : at + 7]) for at in range(0, HISTORY_DAYS, 7)]


def is_watched(days: Sequence[float], least: int) -> bool:
    """Whether a history of HISTORY_DAYS holds `least` in a usual week, and something in most weeks."""
    weeks = weeks_of(days)
    return median(weeks) >= least and sum(week > 0 for week in weeks) >= HISTORY_WEEKS - 2


def unusual_days_of_visits(days: Sequence[float], first: date) -> Iterator[Anomaly]:
    """Those among `days` that have a history, and among the weeks, Monday to Sunday; `first` is the first day."""
    for place in range(HISTORY_DAYS, len(days)):
        day = first + timedelta(days=place)
        history = days[place - HISTORY_DAYS : place]
        if is_watched(history, DAILY_VISITS) and is_unusual(days[place], usual := usual_day(history), DAY_SPREADS):
            yield Anomaly(day, day, usual.count, days[place], usual.score(days[place]))
        week = days[place : place + 7]
        if day.weekday() == 0 and len(week) == 7 and is_watched(history, WEEKLY_VISITS):
            usual = usual_week(weeks_of(history), history)
            if is_unusual(sum(week), usual):
                yield Anomaly(day, day + timedelta(days=6), usual.count, sum(week), usual.score(sum(week)))


def unusual_days_of_failures(images: Sequence[float], failed: Sequence[float], first: date) -> Iterator[Anomaly]:
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
        if now_failed > usual.count and is_unusual(now_failed, usual):
            yield Anomaly(day, day + timedelta(days=length - 1), usual.count, now_failed, usual.score(now_failed))


def usual_failures(images: Sequence[float], failed: Sequence[float], now: float) -> Usual:
    """What is usual among `now` images after HISTORY_DAYS days of images and failures."""
    shares = [bad / all_ for bad, all_ in zip(weeks_of(failed), weeks_of(images), strict=True) if all_]
    share = median(shares)
    residuals = [root(bad) - root(share * all_) for bad, all_ in zip(failed, images, strict=True)]
    return Usual(root(share * now), spread_of(residuals))


def episodes(anomalies: Iterable[Anomaly]) -> Iterator[list[Anomaly]]:
    """Unusual days and weeks of the same direction, at most EPISODE_DAYS apart, together."""
    ordered = sorted(anomalies, key=lambda each: each.since)
    for direction in (-1, 1):
        same = [each for each in ordered if each.direction == direction]
        episode: list[Anomaly] = []
        for each in same:
            if episode and (each.since - max(before.until for before in episode)).days > EPISODE_DAYS:
                yield episode
                episode = []
            episode.append(each)
        if episode:
            yield episode


def is_overdue(gap: float, gaps: list[float]) -> bool:
    """Whether `gap` is overdue after GAPS earlier ones; of fewer nothing is said."""
    ordered = sorted(gaps)
    middle = (ordered[GAPS // 2 - 1] + ordered[GAPS // 2]) / 2
    return gap > max(GAP_RATIO * middle, ordered[-1])
