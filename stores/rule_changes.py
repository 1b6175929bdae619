"""Changes of categories and keywords by people, and what a keyword would change before it is stored.

The pages, the API and the admin all come through here: every change is checked, marks the stores to be looked at again,
and goes on with them for a moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max

from stores.categories import Rules
from stores.categorising import IN_REQUEST_SECONDS, changing_rules, go_on
from stores.models import Category, CategoryRule, Keyword, Kind, Store, StoreGroup
from stores.words import words_of

MOST_CATEGORIES = 200
# Beyond, loading them would take a noticeable part of each request.
MOST_KEYWORDS = 20_000
# The most stores of a category that can be deleted: each is written in the request.
MOST_FREED = 10_000
# Stores that a preview looks at.
MOST_PREVIEWED = 20_000
MOST_EXAMPLES = 5


class RuleRefused(Exception):
    """A change that is not made; the sentence says why. `field` is what is wrong, empty for the whole."""

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


@dataclass(frozen=True, slots=True)
class Preview:
    """What a keyword would change, among `looked_at` stores: all of them, or else those that have its word as written.

    `moves` counts stores by their category before and after, None for uncategorised; `examples` are some of the names.
    """

    looked_at: int
    is_of_all: bool
    moves: list[tuple[str | None, str | None, int]]
    examples: list[str]

    @property
    def moved(self) -> int:
        return sum(number for _, _, number in self.moves)


def add_category(name: str) -> Category:
    """Raises RuleRefused."""
    # Without a keyword it changes no store.
    with changing_rules(looks_again=False):
        return _insert_category(name)


def rename_category(category: Category, name: str) -> None:
    """The stores keep it. Raises RuleRefused, and Category.DoesNotExist."""
    # Two of one name exclude each other, as all changes do.
    with changing_rules(looks_again=False):
        _lock(category.pk)
        category.name = name.strip()
        _check(category)
        category.save(update_fields=["name"])


@contextmanager
def changing_rule_of(category_id: int) -> Iterator[CategoryRule]:
    """The rule of a category, a new one where it has none: a transaction in which nobody else changes it.

    Raises Category.DoesNotExist.
    """
    with transaction.atomic():
        category = _lock(category_id)
        yield CategoryRule.objects.filter(category=category).first() or CategoryRule(category=category)


def delete_category(category: Category) -> None:
    """With its keywords; its stores are then looked at again, those chosen by hand too.

    Raises RuleRefused, and Category.DoesNotExist.
    """
    with changing_rules():
        # Also kept from who makes a rule or a group of it at this moment.
        _lock(category.pk)
        if StoreGroup.objects.filter(category=category).exists():
            raise RuleRefused(f"A group of stores is made by {category}: change the group's rule first.")
        stores = Store.objects.filter(category=category)
        if stores[MOST_FREED:].exists():
            raise RuleRefused(
                f"{category} has more than {MOST_FREED:,} stores: remove its keywords first, and delete it when its "
                "stores have been looked at again."
            )
        stores.update(category=None, category_why="", category_by_hand=False)
        category.delete()
    go_on(IN_REQUEST_SECONDS)


def add_keyword(text: str, kind: str, category: Category | None) -> Keyword:
    """Raises RuleRefused."""
    with changing_rules():
        keyword = _insert_keyword(text, kind, category)
    go_on(IN_REQUEST_SECONDS)
    return keyword


def add_keyword_of_its_own(text: str) -> Keyword:
    """A strong one, of a new category that is called like it; both or none. Raises RuleRefused."""
    with changing_rules():
        keyword = _insert_keyword(text, Kind.STRONG, _insert_category(text.strip().capitalize()))
    go_on(IN_REQUEST_SECONDS)
    return keyword


def remove_keyword(keyword: Keyword) -> None:
    with changing_rules():
        keyword.delete()
    go_on(IN_REQUEST_SECONDS)


def made_keyword(text: str, kind: str, category: Category | None) -> Keyword:
    """Checked alone, unsaved. Raises RuleRefused."""
    keyword = Keyword(text=text, kind=kind, category=category)
    _check(keyword)
    return keyword


def preview_adding(keyword: Keyword) -> Preview:
    """Of a checked, unsaved keyword. Raises RuleRefused where its text is taken."""
    _require_free(keyword)
    return _preview(keyword, lambda known: [*known, (keyword.text, keyword.kind, keyword.category_id)])


def preview_removing(keyword: Keyword) -> Preview:
    return _preview(keyword, lambda known: [each for each in known if each[0] != keyword.text])


def _lock(category_id: int) -> Category:
    """The category, which nobody else changes or deletes until the transaction ends. Raises Category.DoesNotExist."""
    return Category.objects.select_for_update(no_key=True).get(pk=category_id)


def _insert_category(name: str) -> Category:
    if Category.objects.count() >= MOST_CATEGORIES:
        raise RuleRefused(f"There are {MOST_CATEGORIES} categories already, the most there may be.")
    last = Category.objects.aggregate(last=Max("position"))["last"] or 0
    category = Category(name=name.strip(), position=min(last + 1, 32_767))
    _check(category)
    category.save()
    return category


def _insert_keyword(text: str, kind: str, category: Category | None) -> Keyword:
    keyword = made_keyword(text, kind, category)
    if Keyword.objects.count() >= MOST_KEYWORDS:
        raise RuleRefused(f"There are {MOST_KEYWORDS:,} keywords already, the most there may be.")
    _require_free(keyword)
    keyword.save()
    return keyword


type _Keywords = list[tuple[str, str, int | None]]


def _preview(keyword: Keyword, change: Callable[[_Keywords], _Keywords]) -> Preview:
    known: _Keywords = list(Keyword.objects.order_by("text").values_list("text", "kind", "category_id"))
    before, after = Rules(known), Rules(change(known))
    stores = Store.objects.filter(category_by_hand=False)
    is_of_all = not stores.order_by()[MOST_PREVIEWED:].exists()
    if not is_of_all:
        stores = stores.filter(words__contains=keyword.text.split())
    names = list(stores.order_by().values_list("name", flat=True)[:MOST_PREVIEWED])
    moves: Counter[tuple[int | None, int | None]] = Counter()
    examples: list[str] = []
    for name in names:
        words = words_of(name)
        move = before.judge(words).category_id, after.judge(words).category_id
        if move[0] != move[1]:
            moves[move] += 1
            if len(examples) < MOST_EXAMPLES:
                examples.append(name)
    titles: dict[int | None, str | None] = {None: None, **dict(Category.objects.values_list("pk", "name"))}
    counted = [(titles[one], titles[other], number) for (one, other), number in moves.most_common()]
    return Preview(len(names), is_of_all, counted, examples)


def _require_free(keyword: Keyword) -> None:
    taken = Keyword.objects.select_related("category").filter(text=keyword.text).first()
    if taken is not None:
        whose = f"of {taken.category}" if taken.category else f"({Kind(taken.kind).label.partition(':')[0]})"
        raise RuleRefused(f"{taken.text} is a keyword already, {whose}: remove it there first.", "text")


def _check(row: Category | Keyword) -> None:
    try:
        # Whose a taken keyword is says `_require_free`.
        row.full_clean(validate_unique=isinstance(row, Category), validate_constraints=False)
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise RuleRefused(messages[0], "" if field == "__all__" else field) from None
