from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from photos.kinds import BLURRED_BELOW, DARK_BELOW, HOURS_APART, METRES_APART
from stores.models import Category

# By name: the unit, the default, the lowest and the highest value.
LIMITS: dict[str, tuple[str, float, float, float]] = {
    "blurred_below": ("percent of contrast squared", BLURRED_BELOW, 0, 100),
    "dark_below": ("gray of 255", DARK_BELOW, 0, 255),
    "hours_apart": ("hours", HOURS_APART, 1, 8_760),
    "metres_apart": ("metres", METRES_APART, 50, 1_000_000),
}


def _threshold(name: str) -> "models.FloatField[float, float]":
    _, default, lowest, highest = LIMITS[name]
    return models.FloatField(default=default, validators=[MinValueValidator(lowest), MaxValueValidator(highest)])


class PhotoThresholds(models.Model):
    """From when on something is found about a photo of a category's stores; without a row, the defaults hold."""

    category = models.OneToOneField(Category, on_delete=models.CASCADE, related_name="photo_thresholds")
    # In percent of contrast squared; 0 finds none.
    blurred_below = _threshold("blurred_below")
    # Of 255; 0 finds none.
    dark_below = _threshold("dark_below")
    hours_apart = _threshold("hours_apart")
    metres_apart = _threshold("metres_apart")
    updated_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        ordering = ["category"]
        verbose_name_plural = "photo thresholds"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    *(Q((f"{name}__gte", low), (f"{name}__lte", high)) for name, (_, _, low, high) in LIMITS.items())
                ),
                name="photo_thresholds_within_limits",
            )
        ]

    def __str__(self) -> str:
        return f"Photo thresholds of {self.category}"
