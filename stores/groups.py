"""Groups of stores: saved with their checks, and stores put into them and taken out by hand."""

from __future__ import annotations

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from stores.models import Store, StoreGroup
from stores.models.store import StoreQuerySet

# In one group; a rule has no such limit.
MOST_BY_HAND = 10_000
# In one request.
MOST_AT_ONCE = 1_000
# Stores of a group are counted up to here: a rule may find a million.
MOST_COUNTED = 10_000


class TooManyByHand(Exception):
    """More than MOST_BY_HAND."""


def save(group: StoreGroup) -> None:
    """Check and store its name and rule. Raises ValidationError, by field."""
    group.full_clean()
    try:
        with transaction.atomic():
            group.save()
    except IntegrityError:
        # Somebody else took the name, or deleted the category, since it was looked at.
        group.full_clean()
        raise


def put(group: StoreGroup, store_ids: Collection[str]) -> list[str]:
    """Put stores into a saved group by hand; those that are in it stay. Returns the ids that are no store's.

    Raises TooManyByHand, and nothing is put in.
    """
    found = dict(Store.objects.known(store_ids).values_list("store_id", "pk"))
    with transaction.atomic():
        # So that two who add at once do not pass the limit together.
        StoreGroup.objects.select_for_update().get(pk=group.pk)
        group.by_hand.add(*found.values())
        if group.by_hand.count() > MOST_BY_HAND:
            raise TooManyByHand(f"A group has at most {MOST_BY_HAND:,} stores by hand; a rule may find more.")
    return [store_id for store_id in store_ids if store_id not in found]


def take(group: StoreGroup, store_ids: Collection[str]) -> None:
    """Take stores out that were put in by hand; those that the rule finds stay."""
    group.by_hand.remove(*Store.objects.known(store_ids))


def counted(stores: StoreQuerySet) -> int:
    """How many they are, up to MOST_COUNTED."""
    return stores.order_by()[:MOST_COUNTED].count()


def sentences(error: ValidationError) -> dict[str, str]:
    """What is wrong, by field."""
    return {field: " ".join(texts) for field, texts in error.message_dict.items()}
