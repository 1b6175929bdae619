"""The rules of categories as images meet them: what is refused unfetched, and what a retry asks again.

Of what a rule says, an image keeps the numbers in its own row, so that a worker slot measures by them without asking
the database.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from django.db.models import F, FloatField, QuerySet, Value
from django.db.models.functions import Cast, Coalesce

from jobs.errors import HostNotAllowed, ImageError, TooManyForCategory
from jobs.models import ImageResult
from jobs.queue.rank import SECONDS_PER_PRIORITY
from jobs.queue.ready_rows import host_of_url
from stores.known import KnownStore, known_stores
from stores.models import CategoryRule

UNFETCHED = (TooManyForCategory.code, HostNotAllowed.code)
# What a category's priority takes off an image's rank, in seconds.
HEAD_START = Cast(Coalesce("category_priority", 0), FloatField()) * Value(SECONDS_PER_PRIORITY)


def rules_of(stores: Iterable[KnownStore]) -> dict[int, CategoryRule]:
    """The rules of these stores' categories by id; one statement, and none where no store has any."""
    ids = {store.rule_id for store in stores if store.rule_id is not None}
    return CategoryRule.objects.select_related("category").in_bulk(ids) if ids else {}


def refusal(rule: CategoryRule, place: int, url: str) -> ImageError | None:
    """Why the rule refuses a visit's image that stands at this place, from 0 on; None where it does not.

    A URL that is no URL is for the fetch to refuse.
    """
    if rule.most_images is not None and place >= rule.most_images:
        return TooManyForCategory(
            f"Stores of the category {rule.category.name} take at most {rule.most_images:,} "
            f"image{'' if rule.most_images == 1 else 's'} of a visit, and this is number {place + 1:,}."
        )
    if rule.allowed_hosts and (host := host_of_url(url)) and not rule.allows(host.rpartition(":")[0]):
        return HostNotAllowed(f"Stores of the category {rule.category.name} take no images from this host.")
    return None


def refused(rule: CategoryRule, urls: Sequence[str]) -> Mapping[int, ImageError]:
    """Of a visit's images, those that the rule refuses, by their places."""
    if rule.most_images is None and not rule.allowed_hosts:
        return {}
    found = ((place, refusal(rule, place, url)) for place, url in enumerate(urls))
    return {place: error for place, error in found if error is not None}


def still_refused(image_ids: Collection[int]) -> set[int]:
    """Of images that a rule has refused unfetched, those that today's rule would refuse again."""
    if not image_ids:
        return set()
    visits = ImageResult.objects.filter(id__any=list(image_ids)).values("visit")
    images = ImageResult.objects.filter(visit__in=visits).order_by("visit_id", "pk")
    rows = list(images.values_list("pk", "visit_id", "visit__store_id", "url"))
    stores = known_stores(store_id for _, _, store_id, _ in rows)
    rules = rules_of(stores.values())
    places: dict[int, int] = defaultdict(int)
    found = set()
    for image_id, visit_id, store_id, url in rows:
        place = places[visit_id]
        places[visit_id] += 1
        rule = _rule_of(store_id, stores, rules)
        if image_id in image_ids and rule is not None and refusal(rule, place, url) is not None:
            found.add(image_id)
    return found


def follow_todays_rules(images: Sequence[tuple[int, str]]) -> None:
    """Have pending images, given with their stores' ids, follow the rules as they are now."""
    stores = known_stores(store_id for _, store_id in images)
    rules = rules_of(stores.values())
    by_rule: dict[CategoryRule | None, list[int]] = defaultdict(list)
    for image_id, store_id in images:
        by_rule[_rule_of(store_id, stores, rules)].append(image_id)
    for rule, ids in by_rule.items():
        rows: QuerySet[ImageResult] = ImageResult.objects.filter(id__any=ids)
        if rule is None:
            rows = rows.filter(category_priority__isnull=False)
        priority = None if rule is None else rule.priority
        rows.update(
            rank=F("rank") + HEAD_START - Value((priority or 0) * SECONDS_PER_PRIORITY),
            min_width=None if rule is None else rule.min_width,
            min_height=None if rule is None else rule.min_height,
            category_priority=priority,
        )


def _rule_of(store_id: str, stores: Mapping[str, KnownStore], rules: Mapping[int, CategoryRule]) -> CategoryRule | None:
    store = stores.get(store_id)
    return None if store is None or store.rule_id is None else rules.get(store.rule_id)
