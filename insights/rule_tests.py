"""How often a rule is wrong on this database's own data: what each rule's page shows.

Nobody has written down which days of the past were truly unusual, so there are two figures. What the rule would have
found in the past, all of which may have been true, bounds its false alarms from above. What it finds in invented days
that are as usual as can be, with each subject's own mean and spread, are false alarms for sure; there, days with four
fifths too few tell how much it finds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from insights import anomalies, impossible, overdue, unusual
from insights.audience import Audience, period
from insights.back_tests import back_test
from insights.default_period import WEEKS
from insights.figures import FEWEST, Figure
from insights.root_scale import HISTORY_DAYS, Usual, root, unroot, usual_day
from insights.statistics import wilson

# Subjects that are tried, drawn at random, so that a test takes about a second.
MOST_SUBJECTS = 100
MOST_GAPS_OF = 2_000
SEED = 15
AT_MOST = "Right and wrong ones together: at most so many were false."


@dataclass(frozen=True, slots=True)
class RuleTest:
    """Of `n` cases of the past, each a `case`, the rule would have found `found`; `means` says what that tells.

    Of `invented` usual ones it has found `false`; of `planted` unusual ones, `planted_found`. `says` says what a case
    is and what is not known.
    """

    case: str
    n: int
    found: int
    says: str
    means: str
    invented: int = 0
    false: int = 0
    planted: int = 0
    planted_found: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Rates:
    """Of a back-test, each of 1,000 cases: what it found of the past, of invented days, and of planted ones."""

    found: Figure
    false: Figure
    planted: Figure


def rates(tested: Mapping[str, Any]) -> Rates:
    """Of a RuleTest as JSON; of none, all are unknown."""
    return Rates(
        per_thousand(tested.get("found", 0), tested.get("n", 0)),
        per_thousand(tested.get("false", 0), tested.get("invented", 0)),
        per_thousand(tested.get("planted_found", 0), tested.get("planted", 0)),
    )


def per_thousand(part: int, n: int) -> Figure:
    """So many of 1,000 cases, which the interval takes to be independent; unknown of fewer than FEWEST."""
    if n < FEWEST:
        return Figure.unknown(n)
    low, high = wilson(part / n, n)
    return Figure(1000 * part / n, 1000 * low, 1000 * high, n)


def of_areas(audience: Audience, today: date) -> RuleTest:
    """Days that are judged; of areas without any, their weeks."""
    random = Random(SEED)  # noqa: S311 - invents days, protects nothing
    areas = _drawn(anomalies.area_days(audience, today), random)
    first = today - timedelta(days=unusual.READ_DAYS)
    n = found = invented = false = planted = planted_found = 0
    for days in areas:
        n += _judged(days, first)
        found += _unusual(days, first)
        quiet = _quiet(days, random)
        if quiet is None:
            continue
        invented += _judged(quiet, first)
        false += _unusual(quiet, first)
        for place in range(HISTORY_DAYS, len(quiet), 5):
            if not unusual.is_watched(quiet[place - HISTORY_DAYS : place], unusual.DAILY_VISITS):
                continue
            few = [*quiet[:place], round(quiet[place] / 5)]
            planted += 1
            day = first + timedelta(days=place)
            planted_found += any(each.since == each.until == day for each in unusual.unusual_days_of_visits(few, first))
    says = "An area on a day, or in a week, that the rule judges. Planted days have a fifth of their visits."
    return RuleTest("area-days", n, found, says, AT_MOST, invented, false, planted, planted_found)


def of_hosts(audience: Audience, today: date) -> RuleTest:
    random = Random(SEED)  # noqa: S311 - invents days, protects nothing
    first = today - timedelta(days=unusual.READ_DAYS)
    n = found = invented = false = 0
    for images, failed in _drawn(anomalies.host_days(audience, today), random):
        judged = [
            place
            for place in range(HISTORY_DAYS, len(images))
            if unusual.is_watched(images[place - HISTORY_DAYS : place], unusual.DAILY_IMAGES)
        ]
        n += len(judged)
        days = [each.since for each in unusual.unusual_days_of_failures(images, failed, first)]
        found += len(days)
        if not judged:
            continue
        # Every day's failures at the usual share, with the spread of the past.
        quiet = [
            _drawn_count(unusual.usual_failures(images[-HISTORY_DAYS:], failed[-HISTORY_DAYS:], now), random)
            for now in images
        ]
        invented += len(judged)
        false += sum(1 for _ in unusual.unusual_days_of_failures(images, quiet, first))
    return RuleTest("host-days", n, found, "A host on a day that the rule judges.", AT_MOST, invented, false)


_PAST_GAPS = (
    overdue.GAPS_OF_STORES  # noqa: S608 - constants
    + """
    SELECT store_id, array_agg(gap ORDER BY day) FROM gaps WHERE gap IS NOT NULL AND store_id IN (
        SELECT store_id FROM days GROUP BY store_id ORDER BY md5(store_id) LIMIT %(most)s
    ) GROUP BY store_id
"""
)


def of_gaps(audience: Audience, today: date) -> RuleTest:
    """Gaps that have ended: the store was visited again, so that the alert would have been for nothing."""
    n = found = 0
    for _, gaps in overdue.read(audience, today, _PAST_GAPS, most=MOST_GAPS_OF):
        for place in range(unusual.GAPS, len(gaps)):
            n += 1
            found += unusual.is_overdue(gaps[place], gaps[place - unusual.GAPS : place])
    says = f"A gap between two visits that follows {unusual.GAPS} others."
    return RuleTest("gaps", n, found, says, "False alarms: each ended with a visit.")


_PAIRS = f"""
    {impossible.PAIRS} SELECT count(*), count(*) FILTER (WHERE {impossible.IMPOSSIBLE}) FROM trips
"""  # noqa: S608 - constants


def of_pairs(audience: Audience, today: date) -> RuleTest:
    ((n, found),) = impossible.read(audience, today, _PAIRS)
    says = "Two visits of one person in a row, at two stores. Which are truly impossible, the data do not say."
    return RuleTest("pairs of visits", n, found, says, AT_MOST)


def of_problems(audience: Audience, today: date) -> RuleTest:
    """Stores that the first two thirds of the WEEKS weeks would have listed, in the last third."""
    tested = back_test(period(audience, today)).problems
    n = tested.again.n if tested else 0
    wrong = n - round((tested.again.value or 0) * n) if tested else 0
    says = (
        f"A store that the first two thirds of {WEEKS} weeks would have listed, and that had images in the last third."
    )
    means = "Not more than twice as often as at its hosts again: listed wrongly, or mended since."
    return RuleTest("listed stores", n, wrong, says, means)


def of_nothing(audience: Audience, today: date) -> RuleTest:
    """For a rule whose findings the data cannot judge."""
    says = "Which of its findings are right, only a person can say; none is counted."
    return RuleTest("cases", 0, 0, says, "")


def _drawn[T](subjects: dict[str, T], random: Random) -> list[T]:
    names = sorted(subjects)
    return [subjects[name] for name in random.sample(names, min(MOST_SUBJECTS, len(names)))]


def _judged(days: Sequence[float], first: date) -> int:
    """Days that the rule judges; of a smaller area, weeks."""
    judged = 0
    for place in range(HISTORY_DAYS, len(days)):
        history = days[place - HISTORY_DAYS : place]
        if unusual.is_watched(history, unusual.DAILY_VISITS):
            judged += 1
        elif (first + timedelta(days=place)).weekday() == 0 and place + 7 <= len(days):
            judged += unusual.is_watched(history, unusual.WEEKLY_VISITS)
    return judged


def _unusual(days: Sequence[float], first: date) -> int:
    """Unusual days, and unusual weeks that hold none: what is found in both ways is one."""
    found = list(unusual.unusual_days_of_visits(days, first))
    singles = {each.since for each in found if each.since == each.until}
    weeks = [each for each in found if each.since != each.until]
    return len(singles) + sum(not any(each.since <= day <= each.until for day in singles) for each in weeks)


def _quiet(days: Sequence[float], random: Random) -> list[float] | None:
    """As many invented days, around what was usual in the last eight weeks and with their spread; None of too few."""
    history = days[-HISTORY_DAYS:]
    if not unusual.is_watched(history, unusual.WEEKLY_VISITS):
        return None
    usual = [usual_day([*history[weekday:], *history[:weekday]]) for weekday in range(7)]
    # The history begins whole weeks after the first of all days, and so on the same weekday.
    return [_drawn_count(usual[place % 7], random) for place in range(len(days))]


def _drawn_count(usual: Usual, random: Random) -> float:
    return float(round(unroot(random.gauss(max(usual.centre, root(0)), usual.spread))))
