"""How many photos would be found with other thresholds, before they are set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.db import connection

from photos import kinds
from photos.models import LIMITS, Fingerprint, PhotoThresholds
from photos.statements import COUNT_BEYOND
from retail_pulse.db.timeouts import longer
from stores.models import Category, Store

# The latest photos are looked through for those of the category, and of these so many are counted.
MOST_LOOKED_THROUGH, MOST_COUNTED = 50_000, 5_000
# By threshold, what is found beyond it.
CODES = {
    "blurred_below": kinds.BLURRED,
    "dark_below": kinds.DARK,
    "hours_apart": kinds.OTHER_TIME,
    "metres_apart": kinds.ELSEWHERE,
}


@dataclass(frozen=True, slots=True)
class Beyond:
    """Of `n` photos that can be judged by a threshold: how many are found with it as it is, and as it would be."""

    code: str
    n: int
    now: int
    then: int


@dataclass(frozen=True, slots=True)
class Preview:
    """Of the latest `photos` of a category's stores that are looked at, in jobs that the user may read."""

    photos: int
    beyond: list[Beyond]


def thresholds_of(category: Category) -> PhotoThresholds:
    """The category's own, or, not saved, the defaults."""
    return PhotoThresholds.objects.filter(category=category).first() or PhotoThresholds(category=category)


def preview(user: User | AnonymousUser | None, category: Category, values: Mapping[str, float]) -> Preview:
    """What would be found if the thresholds in `values`, by their names, were set; the others stay as they are."""
    now = thresholds_of(category)
    present = {name: getattr(now, name) for name in LIMITS}
    images = _latest(user, category)
    parameters = {
        "images": images,
        **{f"now_{name}": value for name, value in present.items()},
        **{f"then_{name}": value for name, value in {**present, **values}.items()},
    }
    with longer("refresh"), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(COUNT_BEYOND, parameters)
        row = cursor.fetchone()
    counts = [row[at : at + 3] for at in range(0, len(row), 3)]
    return Preview(len(images), [Beyond(code, *count) for code, count in zip(CODES.values(), counts, strict=True)])


def _latest(user: User | AnonymousUser | None, category: Category) -> list[int]:
    latest = Fingerprint.objects.visible_to(user).order_by("-pk")
    looked_through = list(latest.values_list("pk", "store_id")[:MOST_LOOKED_THROUGH])
    of_category = set(
        Store.objects.known({store for _, store in looked_through})
        .filter(category=category)
        .values_list("store_id", flat=True)
    )
    return [image for image, store in looked_through if store in of_category][:MOST_COUNTED]
