from django.core.exceptions import ValidationError
from django.db import models

from tables.cells import invisible_complaint

MAX_CATEGORY = 64
# In addresses of pages; so no category may be called that.
UNCATEGORISED = "none"


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

    def clean(self) -> None:
        """Raises ValidationError for a name that means no category, or that holds what nobody sees."""
        if self.name.casefold() in (UNCATEGORISED, "uncategorised"):
            raise ValidationError({"name": f"{self.name} is what stores without a category are called."})
        if complaint := invisible_complaint(self.name):
            raise ValidationError({"name": f"The name {complaint}."})
