from django.db import models

from stores.models.category import Category
from stores.models.store import MAX_LENGTHS, Store

MAX_GROUP = 64


class StoreGroup(models.Model):
    """A set of stores with a name: those that its rule finds, and those that were put into it by hand.

    The rule is what is not empty of `area`, `category` and `name_part`, all of it; without any, only those by hand.
    """

    name = models.CharField(max_length=MAX_GROUP, unique=True)
    area = models.CharField(max_length=MAX_LENGTHS["area_code"], blank=True)
    category = models.ForeignKey(Category, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    # Of the store's name, ignoring case.
    name_part = models.CharField(max_length=100, blank=True)
    by_hand = models.ManyToManyField(Store, blank=True, related_name="groups")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
