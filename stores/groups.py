"""Groups of stores: saved with their checks, and stores put into them and taken out by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from stores.models import Category, Store, StoreGroup
from stores.models.store import StoreQuerySet

# In one group; a rule has no such limit.
MOST_BY_HAND = 10_000
# In one request.
MOST_AT_ONCE = 1_000
# Stores of a group are counted up to here: a rule may find a million.
MOST_COUNTED = 10_000


class TooManyByHand(Exception):
    """More than MOST_BY_HAND."""


@contextmanager
def changing(group_id: int) -> Iterator[StoreGroup]:
    """A transaction in which nobody else changes the group, as it is now, or deletes it.

    Raises StoreGroup.DoesNotExist where somebody deleted it since it was looked for.
    """
    with transaction.atomic():
        yield StoreGroup.objects.select_for_update(of=("self",)).select_related("category").get(pk=group_id)


def save(group: StoreGroup) -> None:
    """Check and store its name and rule; of one that was saved before, within `changing`.

    Raises ValidationError, by field.
    """
    with transaction.atomic():
        if group.category_id is not None:
            # So that nobody deletes it before it is seen that a group is made by it.
            list(Category.objects.filter(pk=group.category_id).select_for_update(no_key=True))
        group.full_clean()
        try:
            with transaction.atomic():
                group.save()
        except IntegrityError:
            # Somebody else took the name since it was looked at.
            group.full_clean()
            raise


def delete(group_id: int) -> None:
    """Its stores stay. Raises StoreGroup.DoesNotExist."""
    with changing(group_id) as group:
        group.delete()


def put(group: StoreGroup, store_ids: Collection[str]) -> list[str]:
    """Put stores into a saved group by hand; those that are in it stay. Returns the ids that are no store's.

    Raises TooManyByHand, and nothing is put in; and StoreGroup.DoesNotExist.
    """
    # So that two who add at once do not pass the limit together.
    with changing(group.pk):
        # Nor is a store deleted before it is seen that it belongs to a group.
        stores = Store.objects.known(store_ids).order_by("pk").select_for_update(no_key=True)
        found = dict(stores.values_list("store_id", "pk"))
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
