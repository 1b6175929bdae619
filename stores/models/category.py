from django.db import models

MAX_CATEGORY = 64


class Category(models.Model):
    """A kind of store, such as bakery; stores that belong to none are uncategorised."""

    name = models.CharField(max_length=MAX_CATEGORY, unique=True, db_collation="C")
    # Its place in lists and tables.
    position = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        ordering = ["position", "name"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name
