"""Every rule that raises alerts. A new one is a line in RULES: what finds, and what its page says.

The order matters: a rule is told what those before it have found, so that what explains is not said twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from insights import anomalies, impossible, overdue, photo_alerts, problems, rule_tests, unusual
from insights.audience import Audience
from insights.default_period import WEEKS
from insights.duplicate_alerts import duplicate_stores
from insights.findings import Finding
from insights.problem_alerts import problem_stores
from photos.kinds import KINDS, Kind

type Found = Mapping[str, Sequence[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """`what`, `formula` and `limits` are sentences; `unit` is that of `expected` and `seen`.

    A finding that begins at most `episode_days` after the last day of an alert continues it.
    """

    name: str
    title: str
    subjects: str
    unit: str
    what: str
    formula: str
    limits: str
    find: Callable[[Audience, date, Found], Iterable[Finding]]
    test: Callable[[Audience, date], rule_tests.RuleTest]
    episode_days: int = 0


def _areas_with_fewer_visits(found: Found) -> set[str]:
    return {
        finding.subject
        for finding in found.get("area_visits", ())
        if finding.kind == "area" and finding.direction < 0 and not finding.is_over
    }


def _of_photos(kind: Kind) -> Rule:
    """One alert for all photos, which are listed with the visits that need a look, and by `/api/v1/findings`."""
    return Rule(
        name=kind.code,
        title=kind.title,
        subjects="photos",
        unit="photos",
        what=kind.what,
        formula=f"Photos of visits of the last {photo_alerts.READ_DAYS} days of which this was found are counted.",
        limits=kind.limits,
        find=lambda audience, today, found: photo_alerts.photo_findings(audience, today, kind.code),
        test=lambda audience, today: photo_alerts.of_verdicts(audience, today, kind.code),
        episode_days=photo_alerts.READ_DAYS,
    )


RULES = {
    rule.name: rule
    for rule in (
        Rule(
            name="host_failures",
            title="A photo host fails more often than usual",
            subjects="hosts",
            unit="failed images",
            what="More images of one host have failed on a day than are usual among as many.",
            formula=(
                f"Usual is the host's median share of eight weeks, of that day's images. On the scale 2·√(x + 3/8), "
                f"the failures lie more than {unusual.UNUSUAL_SPREADS:g} spreads above it, and are at least twice as "
                f"many; the spread is that of 56 days, and at least a Poisson count's. A host with fewer than "
                f"{unusual.DAILY_IMAGES} images in a usual week is judged by the week, Monday to Sunday; below "
                f"{unusual.WEEKLY_IMAGES}, and without eight weeks of history, not at all."
            ),
            limits=(
                "A day is judged once it has ended. An area whose images come from that host looks bad as well; "
                "areas are judged by their visits alone, so it is the host that is named."
            ),
            find=lambda audience, today, found: anomalies.host_failures(audience, today),
            test=rule_tests.of_hosts,
            episode_days=unusual.EPISODE_DAYS,
        ),
        Rule(
            name="area_visits",
            title="An area has far fewer or far more visits than usual",
            subjects="areas",
            unit="visits",
            what="The visits of one area on a day, or in a week, are at most half as many as usual, or at least twice.",
            formula=(
                f"Usual is the mean of the middle four of the same weekday in eight weeks, of a week the median of "
                f"eight weeks. On the scale 2·√(x + 3/8), the count of a day lies more than {unusual.DAY_SPREADS:g} "
                f"spreads from it, that of a week more than {unusual.UNUSUAL_SPREADS:g}, and is at most half or at "
                f"least double; the spread is that of 56 days, and at least a Poisson count's. Days are judged from "
                f"{unusual.DAILY_VISITS} visits in a usual week on; weeks, Monday to Sunday, from "
                f"{unusual.WEEKLY_VISITS} on; smaller areas, and those without eight weeks of history, not at all."
            ),
            limits=(
                "A day is judged once it has ended, and again for five weeks: visits that are submitted late end the "
                "alert. A holiday is unusual in every area. What lasts for more than four weeks becomes the usual."
            ),
            find=lambda audience, today, found: anomalies.area_visits(audience, today),
            test=rule_tests.of_areas,
            episode_days=unusual.EPISODE_DAYS,
        ),
        Rule(
            name="overdue_store",
            title="A store is overdue for a visit",
            subjects="stores",
            unit="days",
            what="A store has not been visited for longer than its own habit explains.",
            formula=(
                f"The days since its last visit exceed {unusual.GAP_RATIO} times the median of its last {unusual.GAPS} "
                f"gaps, and the largest of them. Days with a visit count, not visits. Stores with fewer than "
                f"{unusual.GAPS} gaps within a year are not judged."
            ),
            limits=(
                "Nobody has said how often a store is to be visited. A store that is closed for good stays overdue "
                "until it leaves the store master. In an area with far fewer visits, the area is named and not its "
                "stores."
            ),
            find=lambda audience, today, found: overdue.overdue_stores(
                audience, today, _areas_with_fewer_visits(found)
            ),
            test=rule_tests.of_gaps,
            episode_days=-1,
        ),
        Rule(
            name="impossible_visits",
            title="One person at two stores too far apart",
            subjects="people",
            unit="km/h",
            what="Two visits in a row that name the same `visited_by` lie too far apart for the time between them.",
            formula=(
                f"As the crow flies at least {impossible.LEAST_KM} km, and faster than {impossible.SPEED_KMH} km/h, "
                f"in the last {impossible.READ_DAYS} days. Only stores with coordinates are looked at."
            ),
            limits=(
                "A wrong coordinate, a wrong clock, or one name used by two people look the same. Whether a pair that "
                "was found is wrong cannot be told from the data, so no rate of false alarms is given."
            ),
            find=lambda audience, today, found: impossible.impossible_visits(audience, today),
            test=rule_tests.of_pairs,
            episode_days=7,
        ),
        Rule(
            name="problem_store",
            title="A store whose images fail more than twice as often as others at its hosts",
            subjects="stores",
            unit="failed images",
            what="A store loses photos beyond what the hosts that they lie on explain.",
            formula=(
                f"Over {WEEKS} calendar weeks, the running one included, the probability that its failure rate is more "
                f"than {problems.TIMES:g} times that of the other stores at the same hosts is above "
                f"{problems.SURE:.0%}, after its rate is drawn to theirs by as much as stores in general resemble "
                f"their hosts. Expected are as many failures as others had there."
            ),
            limits=(
                "Stores whose photos lie at a host of their own cannot be told from it. A store with few images is "
                "found late or not at all."
            ),
            find=lambda audience, today, found: problem_stores(audience, today),
            test=rule_tests.of_problems,
            episode_days=unusual.EPISODE_DAYS,
        ),
        Rule(
            name="duplicate_stores",
            title="Stores that may be one",
            subjects="sets of stores",
            unit="stores",
            what="Stores of one area whose names have the same words: a store that was entered twice, or a chain.",
            formula="The words of the names are the same, whatever their case, punctuation and order; so is the area.",
            limits=(
                "Two stores of a chain in one area look the same. The store master has no owner, so only who may read "
                "all jobs is told. Where the first of a set leaves the store master, the rest is a new alert."
            ),
            find=lambda audience, today, found: duplicate_stores(audience, today),
            test=rule_tests.of_nothing,
            episode_days=unusual.EPISODE_DAYS,
        ),
        *(_of_photos(kind) for kind in KINDS.values() if kind.is_alert),
    )
}
