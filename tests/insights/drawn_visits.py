"""Summaries of visits that are drawn or written by hand."""

from collections.abc import Iterable
from datetime import date, timedelta

from insights.models import VisitSummary
from insights.scope import Scope, start_of, today
from proofs.figure_scenes.stores import DAYS, Visit, World
from tests.insights.summaries import summary

HOST = "photos.example"
# Stores of which some have a fault of their own.
SIGNAL = World("signal", hosts=4, stores_of_host=40, bad=0.15)


def store_visits(visits: Iterable[Visit], *, owner_id: int | None = None, until: date | None = None) -> None:
    """Their day 0 is DAYS - 1 days before `until`, by default today."""
    begin = start_of((until or today()) - timedelta(days=DAYS - 1))
    first = VisitSummary.objects.count() + 1
    VisitSummary.objects.bulk_create(
        summary(
            number, visit.store_id, begin + timedelta(days=visit.day), visit.images, visit.failed, owner_id=owner_id,
            host=visit.host, fetch_ms=90 * visit.images, turnaround=None, code="not_an_image" if visit.failed else "",
        )
        for number, visit in enumerate(visits, start=first)
    )  # fmt: skip


def regular(store_id: str, host: str, failed: int = 0, *, visits: int = 13, images: int = 5) -> list[Visit]:
    """Weekly visits, the last today, of which in turn each loses an image until `failed` have."""
    lost = [failed // visits + (number < failed % visits) for number in range(visits)]
    return [Visit(store_id, host, 7 * number + 6, images, lost[number]) for number in range(visits)]


def others(host: str = HOST, number: int = 20, failed: int = 1) -> list[Visit]:
    """Stores of one host, of which every one loses an image now and then."""
    return [visit for each in range(number) for visit in regular(f"{host}-{each}", host, failed)]


def whole_period(user: object = None, **narrowed: object) -> Scope:
    return Scope(user, today() - timedelta(days=DAYS - 1), today(), **narrowed)  # type: ignore[arg-type]  # its own fields
