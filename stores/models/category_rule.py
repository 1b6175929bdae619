from __future__ import annotations

import re

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from access.limits import HIGHEST_PRIORITY, LOWEST_PRIORITY
from stores.models.category import Category

MOST_IMAGES = 10_000
# In pixels.
MOST_PIXELS = 100_000
MOST_HOSTS = 100
LONGEST_HOST = 255
# A name as a URL has it, in ASCII and without a port; "*.photos.example" is every name that ends in ".photos.example".
_HOST = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


def read_host(text: str) -> str:
    """The host name as it is compared. Raises ValidationError."""
    host = text.strip().lower().removesuffix(".")
    if len(host) > LONGEST_HOST or not _HOST.fullmatch(host):
        raise ValidationError(
            f"{text[:80]!r} is no host name: write it as in a URL, in ASCII and without a port, such as "
            "photos.example.com, or *.example.com for every name below it."
        )
    return host


def check_host(text: str) -> None:
    """Raises ValidationError where it is not as `read_host` would return it."""
    if read_host(text) != text:
        raise ValidationError(f"{text[:80]!r} must be written {read_host(text)!r}.")


class CategoryRule(models.Model):
    """What is asked of images of a category's stores, when a job is submitted and when an image is measured.

    Whatever violates it becomes a failed image; the job is accepted all the same. An image follows the rule as it was
    at its submission, or at its last retry by a person.
    """

    category = models.OneToOneField(Category, on_delete=models.CASCADE, related_name="rule")
    # One step is worth an hour of waiting, in addition to the job's own.
    priority = models.SmallIntegerField(
        default=0, validators=[MinValueValidator(LOWEST_PRIORITY), MaxValueValidator(HIGHEST_PRIORITY)]
    )
    # Of one visit; null is any number.
    most_images = models.PositiveIntegerField(
        "most images of a visit",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_IMAGES)],
    )
    # Empty is any host.
    allowed_hosts = ArrayField(
        models.CharField(max_length=LONGEST_HOST, validators=[check_host]), size=MOST_HOSTS, default=list, blank=True
    )
    # In pixels, of the image as stored; null is any.
    min_width = models.PositiveIntegerField(
        "smallest width", null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MOST_PIXELS)]
    )
    min_height = models.PositiveIntegerField(
        "smallest height", null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MOST_PIXELS)]
    )
    updated_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        ordering = ["category"]
        constraints = [
            models.CheckConstraint(
                condition=Q(priority__gte=LOWEST_PRIORITY, priority__lte=HIGHEST_PRIORITY),
                name="category_rule_priority",
            ),
            models.CheckConstraint(
                condition=(Q(most_images=None) | Q(most_images__gte=1))
                & (Q(min_width=None) | Q(min_width__gte=1))
                & (Q(min_height=None) | Q(min_height__gte=1)),
                name="category_rule_numbers",
            ),
        ]

    def __str__(self) -> str:
        return f"Rule of {self.category}"

    def allows(self, host: str) -> bool:
        """Whether images of this host, a name in lower case without a port, are fetched."""
        return not self.allowed_hosts or any(
            host.endswith(name[1:]) if name.startswith("*.") else host == name for name in self.allowed_hosts
        )
