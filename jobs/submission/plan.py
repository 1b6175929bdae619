"""What becomes of each image of a submission: fetched in its turn, or failed at once because of its store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from jobs.errors import ImageError
from jobs.queue import category_rules
from jobs.submission.turns import places
from stores.known import KnownStore, known_stores
from stores.models import CategoryRule


@dataclass(frozen=True, slots=True)
class Details:
    """What a client says of a job or an image besides: its own id of it, empty without one, and texts by name."""

    client_reference: str = ""
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class VisitPayload:
    """One visit as the client sent it; `visited_at` is `visit_time` as an aware instant, None if it is not a date.

    `visited_by` names who made it, and is empty where the client does not say. `metadata` is what else it says, texts
    by name, or None. `client_reference` is its own id of the visit, or empty. `images` says more of some of the images,
    by their places.
    """

    store_id: str
    visit_time: str
    visited_at: datetime | None
    image_urls: Sequence[str]
    visited_by: str = ""
    metadata: Mapping[str, str] | None = None
    client_reference: str = ""
    images: Mapping[int, Details] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of each image of a submission. `rules` by id; `refused` by visit, and by the image's place in it."""

    visits: Sequence[VisitPayload]
    stores: Mapping[str, KnownStore]
    rules: Mapping[int, CategoryRule]
    refused: Mapping[int, Mapping[int, ImageError]]
    total: int
    fetched: int

    @classmethod
    def of(cls, visits: Sequence[VisitPayload]) -> Self:
        """One statement, and another where a store's category has a rule."""
        stores = known_stores(visit.store_id for visit in visits)
        rules = category_rules.rules_of(stores.values())
        refused: dict[int, Mapping[int, ImageError]] = {}
        if rules:
            for number, visit in enumerate(visits):
                if (store := stores.get(visit.store_id)) is not None and store.rule_id in rules:
                    refused[number] = category_rules.refused(rules[store.rule_id], visit.image_urls)
        total = sum(len(visit.image_urls) for visit in visits)
        known = sum(len(visit.image_urls) for visit in visits if visit.store_id in stores)
        return cls(visits, stores, rules, refused, total, known - sum(map(len, refused.values())))

    def places(self) -> Sequence[int]:
        """The place of each image in the order of turns. Those of stores that are unknown are an area of their own."""
        areas: list[str | None] = []
        for visit in self.visits:
            store = self.stores.get(visit.store_id)
            areas += [None if store is None else store.area] * len(visit.image_urls)
        return places(areas, {store.area: store.weight for store in self.stores.values()})
