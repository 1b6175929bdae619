from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models

from stores.models.category import Category
from stores.models.store import MAX_LENGTHS, Store, StoreQuerySet, all_visible

MAX_GROUP = 64
MAX_NAME_PART = 100


class StoreGroup(models.Model):
    """A set of stores with a name: those that its rule finds, and those that were put into it by hand.

    The rule is what is not empty of `area`, `category` and `name_part`, all of it; without any, only those by hand.
    """

    name = models.CharField(
        max_length=MAX_GROUP,
        unique=True,
        validators=[all_visible],
        error_messages={"unique": "Another group has this name.", "blank": "A group needs a name."},
    )
    area = models.CharField(max_length=MAX_LENGTHS["area_code"], blank=True)
    category = models.ForeignKey(Category, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    # Of the store's name, ignoring case.
    name_part = models.CharField("part of the name", max_length=MAX_NAME_PART, blank=True)
    by_hand = models.ManyToManyField(Store, blank=True, related_name="groups")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean_fields(self, exclude: object = None) -> None:
        """Trims the texts first. Raises ValidationError."""
        for field in ("name", "area", "name_part"):
            value = getattr(self, field)
            if "\0" in value:
                raise ValidationError({field: "This holds a NUL character."})
            setattr(self, field, value.strip())
        super().clean_fields(exclude)  # type: ignore[arg-type]  # as it came

    @property
    def rule(self) -> models.Q:
        """Which stores it finds by itself; empty where it has no rule."""
        rule = models.Q()
        if self.area:
            rule &= models.Q(area_code=self.area)
        if self.category_id:
            rule &= models.Q(category=self.category_id)
        if self.name_part:
            rule &= models.Q(name__icontains=self.name_part)
        return rule

    @property
    def rule_in_words(self) -> str:
        parts = [
            f"in area {self.area}" if self.area else "",
            f"of category {self.category}" if self.category else "",
            f"named like \u201c{self.name_part}\u201d" if self.name_part else "",
        ]
        return "stores " + " and ".join(part for part in parts if part) if any(parts) else ""

    def matching(self) -> StoreQuerySet:
        """The stores that its rule finds, whether it is saved or not; none without a rule."""
        return Store.objects.filter(self.rule) if self.rule else Store.objects.none()

    def stores(self) -> StoreQuerySet:
        return Store.objects.in_group(self.pk)
