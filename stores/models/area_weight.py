from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from stores.models.store import MAX_LENGTHS, all_visible

LIGHTEST, HEAVIEST = 0.1, 10.0


class AreaWeight(models.Model):
    """How fast an area's images move compared with those of other areas in the same job; 1 where nothing is said.

    Of two areas with as many images, the one of weight 2 is done when the other is at half. A job as a whole is neither
    sooner nor later for it.
    """

    area_code = models.CharField(max_length=MAX_LENGTHS["area_code"], unique=True, validators=[all_visible])
    weight = models.FloatField(default=1.0, validators=[MinValueValidator(LIGHTEST), MaxValueValidator(HEAVIEST)])

    class Meta:
        ordering = ["area_code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(weight__gte=LIGHTEST, weight__lte=HEAVIEST), name="area_weight_within_bounds"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.area_code}: {self.weight:g}"
