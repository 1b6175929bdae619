"""Which stores a page is about, as its address says: by area, category, group and store id, as in the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from dashboard.parameters import Given, number, text
from dashboard.words import visible
from stores.models import MAX_LENGTHS, Category, StoreGroup
from stores.models.category import MAX_CATEGORY, UNCATEGORISED

# Choices of one list; those beyond are reached by their address.
MOST_CHOICES = 200
# Characters of a search.
MOST_SEARCHED = 255
# Characters that are shown of what cannot be read.
MOST_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFilter:
    """`category` is a category's name, or UNCATEGORISED for stores without one.

    What cannot be read is left out, because a page always shows something; `unread` says so, in sentences.
    """

    area: str = ""
    category: str = ""
    group: int | None = None
    store: str = ""
    unread: tuple[str, ...] = ()

    @classmethod
    def read(cls, given: Given) -> Self:
        return cls(**read_stores(given))

    @property
    def narrowing(self) -> dict[str, Any]:
        """As a scope and a set of stores take it: None does not narrow."""
        category = "" if self.category == UNCATEGORISED else self.category or None
        return {"area": self.area or None, "category": category, "group": self.group, "store": self.store or None}

    @property
    def of_stores(self) -> dict[str, str]:
        """What narrows the stores, by its name in an address."""
        found = {"area": self.area, "category": self.category, "group": str(self.group or ""), "store": self.store}
        return {name: value for name, value in found.items() if value}

    @property
    def parts(self) -> dict[str, str]:
        """Everything that is asked for, by its name in an address."""
        return self.of_stores

    def query(self, **changed: object) -> str:
        """The query string of an address with these filters, some of them changed."""
        parts = {**self.parts, **changed}
        return urlencode({name: value for name, value in parts.items() if value})

    @property
    def described(self) -> str:
        """What narrows the stores, in words: `area A, group Kiosks`."""
        parts = self.of_stores
        if self.group:
            name = StoreGroup.objects.filter(pk=self.group).values_list("name", flat=True).first()
            parts["group"] = visible(name) if name else parts["group"]
        return ", ".join(f"{name} {visible(value)}" for name, value in parts.items())

    def choices(self) -> dict[str, object]:
        """What the filters' lists offer, what is asked for among them, and what is to be said about the filters."""
        notes = list(self.unread)
        groups = list(StoreGroup.objects.values_list("pk", "name")[:MOST_CHOICES])
        if self.group and self.group not in dict(groups):
            name = StoreGroup.objects.filter(pk=self.group).values_list("name", flat=True).first()
            groups.insert(0, (self.group, name or "deleted"))
            if name is None:
                notes.append(f"There is no group {self.group}.")
        categories = list(Category.objects.values_list("name", flat=True)[:MOST_CHOICES])
        if self.category and self.category not in (*categories, UNCATEGORISED):
            categories.insert(0, self.category)
            if not Category.objects.filter(name=self.category).exists():
                notes.append(f"There is no category \u201c{visible(self.category)}\u201d.")
        return {"categories": categories, "groups": groups, "uncategorised": UNCATEGORISED, "filter_notes": notes}


def read_stores(given: Given) -> dict[str, Any]:
    """The fields of a StoreFilter."""
    return {
        "area": text(given, "area", MAX_LENGTHS["area_code"]),
        "category": text(given, "category", MAX_CATEGORY),
        "group": number(given, "group"),
        "store": text(given, "store", MAX_LENGTHS["store_id"]),
        "unread": unread_group(given),
    }


def unread_group(given: Given) -> tuple[str, ...]:
    """A sentence about a group that is no number, which is as good as none."""
    if number(given, "group"):
        return ()
    return unread(given, "group", "is not the number of a group, so stores of all groups are shown")


def unread(given: Given, name: str, why: str) -> tuple[str, ...]:
    """A sentence about a value that is there and was left out; none about an empty one."""
    written = text(given, name, MOST_SHOWN)
    return (f"\u201c{visible(written)}\u201d {why}.",) if written else ()
