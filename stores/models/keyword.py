from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from stores.models.category import Category
from stores.words import normalised

MAX_KEYWORD = 64


class Kind(models.TextChoices):
    """What a keyword says of a name that holds it."""

    STRONG = "strong", "strong: tells the category, and the last one of a name wins"
    WEAK = "weak", "weak: tells the category of a name without a strong keyword"
    PHRASE = "phrase", "phrase: several words in a row, as a strong keyword"
    ENDING = "ending", "ending: the last words of a name, as a strong keyword"
    VENUE = "venue", "venue: a word for a place of any trade, such as CORNER; tells no category"
    NAME = "name", "a person's name: tells no category, and is never taken for a misspelling"


# Kinds that tell a category; the others belong to none.
TELLING = (Kind.STRONG, Kind.WEAK, Kind.PHRASE, Kind.ENDING)


class Keyword(models.Model):
    """A word, or several, that says what kind of store a name is of; the rules are in `stores/categories.py`."""

    # As `words_of` a name has them, joined by blanks; of one category alone, so that no name has two answers.
    text = models.CharField(max_length=MAX_KEYWORD, unique=True, db_collation="C")
    kind = models.CharField(max_length=8, choices=Kind)
    category = models.ForeignKey(Category, null=True, blank=True, on_delete=models.CASCADE, related_name="keywords")

    class Meta:
        ordering = ["text"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=TELLING, category__isnull=False)
                | Q(kind__in=[Kind.VENUE, Kind.NAME], category=None),
                name="keyword_tells_or_not",
            ),
        ]

    def __str__(self) -> str:
        return self.text

    def clean(self) -> None:
        """Raises ValidationError where no name could ever match, or the kind asks for more or fewer words."""
        self.text = normalised(self.text)
        number = len(self.text.split())
        if len(self.text) > MAX_KEYWORD:
            raise ValidationError({"text": f"A keyword has at most {MAX_KEYWORD} characters."})
        if not number:
            raise ValidationError({"text": "A keyword needs a letter or a digit."})
        if self.kind == Kind.PHRASE and number < 2:
            raise ValidationError({"text": "A phrase has two words or more; choose strong or weak for a single one."})
        if self.kind in (Kind.STRONG, Kind.WEAK, Kind.VENUE, Kind.NAME) and number > 1:
            raise ValidationError({"text": "This is several words: only a phrase or an ending may be."})
        if self.kind in (Kind.STRONG, Kind.WEAK) and len(self.text) < 2:
            raise ValidationError({"text": "A single letter is an initial in most names; only an ending may be one."})
        if (self.kind in TELLING) != (self.category_id is not None):
            needed = "needs a category" if self.kind in TELLING else "has no category"
            raise ValidationError({"category": f"A keyword of this kind {needed}."})
