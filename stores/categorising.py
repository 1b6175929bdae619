"""The categories of stored stores: by the rules in the database, slice by slice, or chosen by a person.

Whoever changes the rules holds the one `Categorising` row until the commit and sets it back to the first store; from
there `go_on` looks at every store again, in slices of a transaction each: in the request that made the change as far as
IN_REQUEST_SECONDS lead, then beside an engine, see `insights/refresher.py`, or by the command `categorise_stores`. An
import judges its own new names. It has the table of stores to itself, which all others lock as writers do, and before
the row: so no rule changes while an import stores by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F
from django.db.models.functions import Now
from psycopg.errors import LockNotAvailable

from stores.categories import Rules, Verdict
from stores.default_keywords import DEFAULT_CATEGORIES, default_keywords
from stores.models import Categorising, Category, Keyword, Store
from stores.words import words_of

SLICE = 5_000
# How long a request goes on after it changed the rules: some hundred thousand stores.
IN_REQUEST_SECONDS = 1.0
# How long it waits for an import, or for somebody else's change.
WAIT_SECONDS = 3


class RulesBusy(Exception):
    """Somebody else is changing the rules or importing stores at this moment."""

    def __init__(self) -> None:
        super().__init__("An import or another change of the rules is under way: try again when it has ended.")


def rules() -> Rules:
    """Those of this moment."""
    return Rules(Keyword.objects.order_by("text").values_list("text", "kind", "category_id"))


def state() -> Categorising:
    """How far the stores are; before anything was ever looked at, an unsaved row that says so."""
    first = 0 if Store.objects.exists() else None
    return Categorising.objects.first() or Categorising(pk=1, next_store=first)


@contextmanager
def changing_rules(*, looks_again: bool = True) -> Iterator[None]:
    """A transaction in which categories and keywords may be changed; then every store is to be looked at again.

    `looks_again` is False where the change gives no store another category. Raises RulesBusy where an import keeps it
    waiting for more than WAIT_SECONDS.
    """
    with transaction.atomic():
        _lock()
        yield
        if looks_again:
            Categorising.objects.update(version=F("version") + 1, changed_at=Now(), next_store=0, checked=0)


@contextmanager
def unchanging_rules() -> Iterator[None]:
    """A transaction in which one store is judged and saved: a change of the rules comes before it, or looks at it."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            _lock_stores(cursor)
            cursor.execute("SELECT FROM stores_categorising FOR SHARE")
        yield


def rules_of_import() -> Rules:
    """Of an import that has the table of stores to itself; in a new store master, the default ones."""
    current = Categorising.objects.first()
    if current is None or not current.has_defaults:
        _create()
        _add_defaults()
    return rules()


def go_on(seconds: float | None = None, progress: Callable[[int], None] | None = None) -> bool:
    """Look at the stores that a change of the rules has left, for about `seconds` or to the end; whether all are done.

    `progress` is called with how many were looked at so far.
    """
    deadline = None if seconds is None else monotonic() + seconds
    for checked in slices():
        if progress is not None:
            progress(checked)
        if deadline is not None and monotonic() >= deadline:
            break
    return state().is_finished


def slices() -> Iterator[int]:
    """Look at the stores that a change of the rules has left, SLICE at a time, each in a transaction of its own.

    After each, how many were looked at so far. It ends with the last store, and where somebody else is at it. Nothing
    is held between two slices, and they may lie far apart: each begins where the last one, whoever's, has ended.
    """
    version, known = 0, Rules(())
    # Asked first without a lock: nearly always there is nothing to do.
    while not state().is_finished:
        with transaction.atomic():
            if not _may_write_stores():
                return
            _create()
            current = Categorising.objects.select_for_update(skip_locked=True).first()
            if current is None or current.next_store is None:
                return
            if not current.has_defaults:
                _add_defaults()
            if current.version != version:
                version, known = current.version, rules()
            current.next_store, number = judge_slice(known, current.next_store)
            current.checked += number
            current.save(update_fields=["next_store", "checked"])
        yield current.checked


def judge_slice(known: Rules, first: int) -> tuple[int | None, int]:
    """Look at SLICE stores from the key `first` on; the key to go on from, None at the end, and how many there were.

    Only what changes is written, and `updated_at` stays: it says when the store master changed.
    """
    rows = list(
        Store.objects.filter(pk__gte=first)
        .order_by("pk")
        .values_list("pk", "name", "category_id", "category_why", "category_by_hand", "words")[:SLICE]
    )
    changed = []
    for pk, name, category, why, by_hand, words in rows:
        new_words = words_of(name)
        verdict = Verdict(category, why) if by_hand else known.judge(new_words)
        if verdict != (category, why) or new_words != words:
            changed.append((pk, name, by_hand, *verdict, " ".join(new_words)))
    if changed:
        _write(changed)
    return (rows[-1][0] + 1 if len(rows) == SLICE else None), len(rows)


def choose(store: Store, category: Category | None, by: str) -> None:
    """Set the store's category by hand; None is uncategorised, whatever its name says. No rule changes it any more."""
    store.category, store.category_by_hand = category, True
    store.category_why = why_by_hand(by)
    store.save(update_fields=["category", "category_by_hand", "category_why", "updated_at"])


def why_by_hand(by: str) -> str:
    return f"chosen by {by}" if by else "chosen by hand"


def leave_to_rules(store: Store) -> None:
    """Take back a choice by hand."""
    store.category_by_hand = False
    with unchanging_rules():
        judge(store)
        store.save(update_fields=["category", "category_by_hand", "category_why", "words", "updated_at"])


def judge(store: Store) -> None:
    """Set the words of the store's name, and its category where none was chosen by hand; unsaved.

    Within a transaction that holds the rules, see `unchanging_rules`.
    """
    store.words = words_of(store.name)
    if not store.category_by_hand:
        store.category_id, store.category_why = rules().judge(store.words)


def judge_staged(cursor: CursorWrapper, names: str) -> None:
    """Judge the names that the query `names` gives, each once, into the temporary table `judged_name`.

    Its columns are `name`, `category_id`, `category_why` and `words`, a text. Memory does not grow with their number.
    """
    known = rules_of_import()
    cursor.execute("CREATE TEMPORARY TABLE judged_name (name text, category_id bigint, category_why text, words text)")
    cursor.execute(f"DECLARE name_to_judge NO SCROLL CURSOR FOR {names}")
    while True:
        cursor.execute(f"FETCH {SLICE} FROM name_to_judge")
        found = cursor.fetchall()
        with connection.wrap_database_errors, cursor.copy("COPY judged_name FROM STDIN") as copy:
            for (name,) in found:
                words = words_of(name)
                copy.write_row((name, *known.judge(words), " ".join(words)))
        if len(found) < SLICE:
            break
    cursor.execute("CLOSE name_to_judge")
    cursor.execute("ANALYZE judged_name")


def _create() -> None:
    """The one row; a new store master has nothing to look at."""
    if not Categorising.objects.exists():
        first = Categorising(pk=1, next_store=0 if Store.objects.exists() else None)
        Categorising.objects.bulk_create([first], ignore_conflicts=True)


def _lock_stores(cursor: CursorWrapper) -> None:
    """As every writer of a store does: while an import stores, one waits here."""
    cursor.execute("LOCK TABLE stores_store IN ROW EXCLUSIVE MODE")


def _may_write_stores() -> bool:
    """Locks it as `_lock_stores`, and says False where an import has it to itself."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE stores_store IN ROW EXCLUSIVE MODE NOWAIT")
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return False
        raise
    return True


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
        try:
            _lock_stores(cursor)
            _create()
            cursor.execute("SELECT FROM stores_categorising FOR UPDATE")
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                raise RulesBusy from None
            raise
        cursor.execute("SET LOCAL lock_timeout = DEFAULT")


def _add_defaults() -> None:
    """The first keywords, once, and only where nobody has made any."""
    locked = Categorising.objects.select_for_update().get()
    if locked.has_defaults:
        return
    if not Category.objects.exists() and not Keyword.objects.exists():
        made = Category.objects.bulk_create(
            Category(name=name, position=number) for number, name in enumerate(DEFAULT_CATEGORIES, 1)
        )
        by_name = {category.name: category for category in made}
        Keyword.objects.bulk_create(
            Keyword(text=text, kind=kind, category=by_name[category] if category else None)
            for text, kind, category in default_keywords()
        )
    Categorising.objects.update(has_defaults=True)


def _write(changed: Iterable[tuple[int, str, bool, int | None, str, str]]) -> None:
    """Each is a store's key, its name and whether it was chosen by hand, as they were read; then what to write.

    A store that somebody changed meanwhile stays: whoever did has judged it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE stores_store AS store
            SET category_id = new.category_id, category_why = new.why, words = string_to_array(new.words, ' ')
            FROM unnest(%s::bigint[], %s::text[], %s::boolean[], %s::bigint[], %s::text[], %s::text[])
                AS new (id, name, by_hand, category_id, why, words)
            WHERE store.id = new.id AND store.name = new.name AND store.category_by_hand = new.by_hand
            """,
            [list(column) for column in zip(*changed, strict=True)],
        )
