"""What was found about photos, as findings of rules: one for each kind, however many photos it is about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from django.db.models import Count, Max, Min, Q
from django.template.defaultfilters import pluralize

from insights.audience import Audience
from insights.findings import Finding
from insights.rule_tests import RuleTest
from photos.models import Finding as PhotoFinding
from photos.models import VisitVerdict

READ_DAYS = 28


def photo_findings(audience: Audience, today: date, code: str) -> Iterator[Finding]:
    """Of visits of the READ_DAYS days up to `today`, included; at most one."""
    found = PhotoFinding.objects.filter(code=code, day__gt=today - timedelta(days=READ_DAYS), day__lte=today)
    if not audience.of_all:
        found = found.filter(owner_id=audience.owner_id)
    counts = found.aggregate(
        photos=Count("pk"), visits=Count("visit_id", distinct=True), since=Min("day"), until=Max("day")
    )
    if counts["photos"]:
        photos, visits = counts["photos"], counts["visits"]
        says = f"{photos:,} photo{pluralize(photos)} of {visits:,} visit{pluralize(visits)} within {READ_DAYS} days."
        yield Finding("service", "", counts["since"], counts["until"], 0, counts["photos"], says)


def of_verdicts(audience: Audience, today: date, code: str) -> RuleTest:
    """How often somebody has looked at the photos of a visit with such a finding, and they were fine."""
    verdicts = VisitVerdict.objects.filter(codes__contains=[code])
    if not audience.of_all:
        verdicts = verdicts.filter(owner_id=audience.owner_id)
    counts = verdicts.aggregate(n=Count("pk"), fine=Count("pk", filter=Q(is_fine=True)))
    says = "A visit with such a photo that somebody has judged, whenever that was."
    return RuleTest("judged visits", counts["n"], counts["fine"], says, "False alarms: the photos were fine.")
