"""Reads the sums of many visits: each statement once between two refreshes, for all processes.

A statement that goes through two million visits takes a second. What it found is kept in `KeptRows`, by the statement,
its parameters and the mark. What somebody wanted within WANTED is read anew by the refresher for each new mark, before
that mark is shown (`Refreshed.shown`): so that nobody waits for it but the very first.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from time import monotonic
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Max
from django.db.models.functions import Now

from insights.models import KeptRows, Refreshed
from retail_pulse.db.timeouts import longer

log = logging.getLogger(__name__)

# What took less is not kept; nor are more rows than these.
LONG_SECONDS = 0.1
MOST_ROWS = 25_000
# Statements that are read anew; those that were wanted last.
MOST_WANTED = 100
WANTED = timedelta(minutes=30)
WANTED_STEP = timedelta(minutes=5)
# Where nobody refreshes, a change of the store master shows after so long, and what was kept is forgotten.
OLDEST = timedelta(minutes=10)

# Of many visits: no planner's error may compare all with all, each group has its place in memory, and what is compiled
# or read in parallel costs more than it saves.
_OF_MANY = """
    set_config('enable_nestloop', 'off', true), set_config('work_mem', '64MB', true),
        set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)
"""
_KEPT = f"""
    SELECT {_OF_MANY}, coalesce(shown, refreshed.mark), kept.id, kept.rows,
        kept.wanted_at < statement_timestamp() - make_interval(secs => %s)
    FROM (VALUES (1)) one LEFT JOIN insights_refreshed AS refreshed ON true LEFT JOIN LATERAL (
        SELECT id, rows, wanted_at FROM insights_keptrows AS known
        WHERE digest = %s AND known.mark = coalesce(shown, refreshed.mark)
            AND made_at > statement_timestamp() - make_interval(secs => %s)
        OFFSET 0
    ) kept ON true
"""  # noqa: S608 - constants


def rows(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement that reads many visits, as of the mark that is shown.

    Parameters and columns are what JSON knows, besides times, dates and decimals.
    """
    given = encoded(parameters)
    digest = sha256(f"{statement}\0{given}".encode()).hexdigest()
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(_KEPT, [WANTED_STEP.total_seconds(), digest, OLDEST.total_seconds()])
        mark, key, kept, is_old = cursor.fetchone()[-4:]
        if key is not None:
            if is_old:
                KeptRows.objects.filter(pk=key).update(wanted_at=Now())
            return decoded(kept)
        begun = monotonic()
        cursor.execute(statement, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    if mark is not None and monotonic() - begun >= LONG_SECONDS and len(found) <= MOST_ROWS:
        _keep(digest, mark, statement, given, found)
    return found


def hold() -> None:
    """Before a refresh: the mark stays shown until what was wanted is read anew, if there is any of it."""
    if KeptRows.objects.filter(wanted_at__gt=Now() - WANTED).exists():
        Refreshed.objects.filter(shown=None).update(shown=F("mark"))


def renewed() -> Iterator[None]:
    """After a refresh: reads what is wanted for the new mark, a statement at a time, then shows the mark."""
    mark = Refreshed.objects.values_list("mark", flat=True).first()
    wanted = KeptRows.objects.filter(wanted_at__gt=Now() - WANTED).values("digest").annotate(at=Max("wanted_at"))
    for digest, wanted_at in wanted.order_by("-at").values_list("digest", "at")[:MOST_WANTED]:
        of_it = KeptRows.objects.filter(digest=digest)
        if mark is None or of_it.filter(mark=mark).exists():
            continue
        statement, given = of_it.values_list("statement", "parameters")[0]
        try:
            with longer("refresh"), connection.cursor() as cursor:
                cursor.execute(f"SELECT {_OF_MANY}")
                cursor.execute(statement, json.loads(given, object_hook=_decoded))
                _keep(digest, mark, statement, given, cursor.fetchall(), wanted_at)
        except DatabaseError:
            log.warning("what is wanted of the insights cannot be read anew", exc_info=True)
            of_it.delete()
        yield
    shown()


def shown() -> None:
    """The mark is shown, and what was kept for those before it is forgotten."""
    Refreshed.objects.update(shown=None)
    KeptRows.objects.exclude(mark__in=Refreshed.objects.values("mark")).delete()


def _keep(
    digest: str, mark: datetime, statement: str, given: str, found: Sequence[Any], wanted_at: datetime | None = None
) -> None:
    kept = KeptRows(digest=digest, mark=mark, statement=statement, parameters=given, rows=encoded(found))
    if wanted_at is not None:
        kept.wanted_at = wanted_at
    KeptRows.objects.filter(made_at__lte=Now() - OLDEST).delete()
    # Two that ask at once find the same.
    KeptRows.objects.bulk_create(
        [kept], update_conflicts=True, unique_fields=["digest", "mark"], update_fields=["rows", "made_at", "wanted_at"]
    )


# --- JSON of what statements are given, and of what they return

_KINDS: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "Decimal": Decimal,
}


def encoded(values: Sequence[Any]) -> str:
    return json.dumps(values, default=_encoded)


def _encoded(value: Any) -> dict[str, str]:
    kind = type(value).__name__
    if kind not in _KINDS:
        raise TypeError(f"A {kind} cannot be kept.")
    return {"": kind, "value": str(value)}


def decoded(text: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in json.loads(text, object_hook=_decoded)]


def _decoded(found: dict[str, Any]) -> Any:
    return _KINDS[found[""]](found["value"]) if set(found) == {"", "value"} else found
