"""Visits to look at: stores of some areas, and what became of their images, drawn from a seed."""

import random
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from insights.models import Refreshed, VisitSummary
from insights.periods import first_day
from insights.scope import start_of, today
from stores.models import Category, Store
from tests.insights.summaries import summary

CATEGORIES = ("Bakery", "Dairy", "Tea & food", "Grocery", "General", "Kiosk")


def make_areas(*areas: str, stores: int = 10, categories: tuple[str, ...] = CATEGORIES, places: bool = False) -> None:
    """That many stores of each area; two of three have a category, and with `places` nine of ten coordinates."""
    chance = random.Random(1)
    known = [Category.objects.get_or_create(name=name, position=at)[0] for at, name in enumerate(categories)]
    rows = []
    for number, area in enumerate(areas):
        for at in range(stores):
            store = Store(store_id=f"{area}/{at}", name=f"Shop {at}", area_code=area)
            if known and chance.random() < 0.67:
                store.category = chance.choice(known)
            if places and chance.random() < 0.9:
                store.latitude = -30 + number % 4 * 0.5 + chance.gauss(0, 0.1)
                store.longitude = -20 + number // 4 * 0.5 + chance.gauss(0, 0.1)
            rows.append(store)
    Store.objects.bulk_create(rows)


def make_visits(
    area: str,
    *,
    stores: int = 10,
    weeks: int = 13,
    owner: int | None = None,
    failing: float = 0.03,
    a_week: float = 1.0,
    images: int = 5,
    seconds: float = 60,
    fewer: tuple[int, ...] = (),
) -> int:
    """Visits on every day of the last `weeks` calendar weeks up to yesterday; returns how many.

    Each of the area's stores is visited `a_week` times, and half as often in the weeks of `fewer`, counted back from
    this one.
    """
    # By how many users were there before the owner: the owner's number depends on the tests that ran before.
    chance = random.Random(f"{area} {owner and User.objects.filter(pk__lt=owner).count()}")
    first = VisitSummary.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    rows: list[VisitSummary] = []
    for day in range((today() - first_day(weeks)).days, 0, -1):
        begin = start_of(today() - timedelta(days=day))
        back = (today() - timedelta(days=today().weekday()) - begin.date()).days
        share = 0.5 if (back + 6) // 7 in fewer else 1
        number = stores * a_week / 7 * share * (0.5 if begin.weekday() > 4 else 1.2)
        for _ in range(int(number) + (chance.random() < number % 1)):
            at = begin + timedelta(hours=min(23.9, max(0, chance.gauss(12, 3))))
            rows.append(drawn(first + len(rows) + 1, f"{area}/{chance.randrange(stores)}", at, chance, failing, images))
            rows[-1].owner_id = owner
            rows[-1].turnaround = chance.lognormvariate(0, 0.8) * seconds
    VisitSummary.objects.bulk_create(rows)
    Refreshed.objects.update_or_create(pk=1, defaults={"mark": timezone.now()})
    return len(rows)


def drawn(
    pk: int, store: str, at: datetime, chance: random.Random, failing: float = 0.03, images: int = 5
) -> VisitSummary:
    failed = sum(chance.random() < failing for _ in range(images))
    return summary(
        pk, store, at, images, failed, fetch_ms=images * chance.randint(100, 400), turnaround=60, host="photos.test",
        code="http_404" if failed else "",
    )  # fmt: skip
