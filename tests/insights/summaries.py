"""Visits of a period whose every day is known, as the refresher would have summed them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from insights.models import VisitSummary
from insights.scope import today
from stores.models import Store


def store(store_id: str, area: str = "A", **changed: Any) -> Store:
    return Store.objects.create(store_id=store_id, name=f"Shop {store_id}", area_code=area, **changed)


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def visit(store_id: str, at: datetime, **changed: Any) -> VisitSummary:
    """Of three images, of which one failed; `changed` are fields of the summary."""
    values: dict[str, Any] = {
        "visit_id": VisitSummary.objects.count() + 1, "job_id": 1, "owner_id": None, "images": 3, "completed": 2,
        "failed": 1, "unprocessed": 0, "fetched": 3, "fetch_ms": 30, "turnaround": 5.0, "host": "a.test:443",
    }  # fmt: skip
    return VisitSummary.objects.create(store_id=store_id, visited_at=at, **{**values, **changed})


def visits(store_id: str, days_ago: Sequence[float], **changed: Any) -> list[VisitSummary]:
    """One at noon so many days before today."""
    return [visit(store_id, noon(today()) - timedelta(days=days), **changed) for days in days_ago]
