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


def summary(
    visit_id: int, store_id: str, at: datetime, images: int = 3, failed: int = 1, **changed: Any
) -> VisitSummary:
    """Unsaved; `changed` are other fields of it."""
    values: dict[str, Any] = {
        "job_id": 1, "owner_id": None, "unprocessed": 0, "fetched": images, "fetch_ms": 10 * images, "turnaround": 5.0,
        "host": "a.test:443", "code": "",
    }  # fmt: skip
    counts = {"images": images, "failed": failed, "completed": images - failed}
    return VisitSummary(visit_id=visit_id, store_id=store_id, visited_at=at, **{**values, **counts, **changed})


def visit(store_id: str, at: datetime, **changed: Any) -> VisitSummary:
    """Of three images, of which one failed; `changed` are fields of the summary."""
    visit_id = changed.pop("visit_id", VisitSummary.objects.count() + 1)
    made = summary(visit_id, store_id, at, **changed)
    made.save(force_insert=True)
    return made


def visits(store_id: str, days_ago: Sequence[float], hour: int = 12, **changed: Any) -> list[VisitSummary]:
    """One at this hour, in UTC, so many days before today; at hour 0, that of today is over at any time of the day."""
    latest = noon(today()).replace(hour=hour)
    return [visit(store_id, latest - timedelta(days=days), **changed) for days in days_ago]
