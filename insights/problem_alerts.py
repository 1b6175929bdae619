"""Problem stores as findings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from insights.audience import Audience, period
from insights.default_period import WEEKS
from insights.findings import Finding
from insights.problems import problems


def problem_stores(audience: Audience, today: date) -> Iterator[Finding]:
    """Those of the last WEEKS weeks: their alert begins when they are listed first."""
    for store in problems(period(audience, today)).stores:
        expected = store.images * store.usual
        says = (
            f"{store.failed:,} of {store.images:,} images failed in {WEEKS} weeks, where others at the same hosts "
            f"would have lost {expected:,.1f}."
        )
        yield Finding("store", store.store_id, today, today, expected, store.failed, says)
