"""Keeps the sums of whole days, by area, category, host and hour: what most figures are made of.

**Guarantee.** The sums of a day hold while it is a `KeptDay`. The statement that writes a visit's summary also deletes
its day, and those that sum days hold the lock under which summaries are written. What is not kept is summed when it is
read, see `days.py`: so figures are exact whatever is kept, and a crash at any moment leaves nothing to be mended.

The area and category of a store are those of the store master when its days were summed; where that has changed, all
days are summed anew. The days before today that anyone may ask for are kept, the latest first; today changes all the
time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

from insights.models import SHORTEST_TURNAROUND, TURNAROUND_RATIO, KeptDay, Kind
from insights.reading import OF_MANY
from insights.scope import LONGEST_DAYS, start_of, today, zone
from jobs import failpoints
from retail_pulse.db import advisory_locks
from retail_pulse.db.timeouts import longer

# Of one transaction; and of one refresh, so that days that change all the time are not summed for every image anew.
DAYS_AT_A_TIME = 28
MOST_DAYS = 28
DAYS_KEPT = LONGEST_DAYS + 1

TURNAROUND_BUCKET = (
    f"floor(ln(greatest(turnaround, {SHORTEST_TURNAROUND:g})) / {math.log(TURNAROUND_RATIO)!r}::float8)::int"
)
# How each column of `DaySum` is summed from summaries.
COLUMNS = {
    "visits": "count(*)",
    "images": "sum(images)",
    "completed": "sum(completed)",
    "failed": "sum(failed)",
    "unprocessed": "sum(unprocessed)",
    "fetched": "sum(fetched)",
    "fetch_ms": "sum(fetch_ms)",
    "tried_visits": "count(*) FILTER (WHERE completed + failed > 0)",
    "fetched_visits": "count(*) FILTER (WHERE fetched > 0)",
    "timed_visits": "count(turnaround)",
    "turnaround_us": "coalesce(sum(round(turnaround * 1e6)::bigint), 0)",
}

_NAMES = ", ".join(COLUMNS)
_NOTHING = ", ".join("0" for _ in COLUMNS)
_STORES = """
    SELECT coalesce(bit_xor(hashtextextended(
        concat_ws(chr(31), store.store_id, store.area_code, category.id, category.name), 0
    )), 0) FROM stores_store store LEFT JOIN stores_category category ON category.id = store.category_id
"""


def _labels(also: str, *kinds: Kind) -> tuple[str, str]:
    """The columns owner, kind and label of what is grouped by each of these kinds, and the sets to group by, which are
    parted by the column `also` too.

    `grouping` has a bit for each kind, the first one the highest, which is 0 for the one that a row is grouped by. The
    others are null in that row.
    """
    names = ", ".join(kinds)
    cases = " ".join(f"WHEN {2 ** len(kinds) - 1 - 2**bit} THEN '{kind}'" for bit, kind in enumerate(reversed(kinds)))
    return (
        f"owner_id, CASE grouping({names}) {cases} END AS kind, coalesce({names}) AS label",
        ", ".join(f"(day, owner_id, {kind}{also and ', '}{also})" for kind in kinds),
    )


_OF_SUMS, _SUM_SETS = _labels("", Kind.AREA, Kind.CATEGORY, Kind.HOST, Kind.HOUR)
_OF_CODES, _CODE_SETS = _labels("code", Kind.AREA, Kind.CATEGORY, Kind.HOST)
_OF_BUCKETS, _BUCKET_SETS = _labels("bucket", Kind.AREA, Kind.CATEGORY)
# What `DaySum` holds of the visits in `dated`, whose `local` is the time on the clock of the zone: a row of sums, one
# of each code, one of each bucket; then all of one label in one row.
ROWS_OF_DATED = f"""
    visit AS MATERIALIZED (
        SELECT local::date AS day, extract(hour FROM local)::int::text AS hour, owner_id, images, completed, failed,
            unprocessed, fetched, fetch_ms, turnaround, {TURNAROUND_BUCKET} AS bucket, host, code,
            store.area_code AS area, CASE WHEN store.id IS NOT NULL THEN coalesce(category.name, '') END AS category
        FROM dated LEFT JOIN stores_store store ON store.store_id = dated.store_id
        LEFT JOIN stores_category category ON category.id = store.category_id
    ), part (day, owner_id, kind, label, {_NAMES}, code, code_failed, bucket, bucket_visits) AS (
        SELECT day, {_OF_SUMS}, {", ".join(COLUMNS.values())}, NULL, NULL, NULL::int, NULL::int
        FROM visit GROUP BY GROUPING SETS ({_SUM_SETS})
        UNION ALL
        SELECT day, {_OF_CODES}, {_NOTHING}, code, sum(failed), NULL, NULL
        FROM visit WHERE code <> '' AND completed + failed > 0 GROUP BY GROUPING SETS ({_CODE_SETS})
        UNION ALL
        SELECT day, {_OF_BUCKETS}, {_NOTHING}, NULL, NULL, bucket, count(*)
        FROM visit WHERE turnaround IS NOT NULL GROUP BY GROUPING SETS ({_BUCKET_SETS})
    ), day_row AS (
        SELECT day, owner_id, kind, label, {", ".join(f"sum({name})::bigint AS {name}" for name in COLUMNS)},
            coalesce(array_agg(code ORDER BY code COLLATE "C") FILTER (WHERE code IS NOT NULL), '{{}}') AS codes,
            coalesce(array_agg(code_failed::bigint ORDER BY code COLLATE "C") FILTER (WHERE code IS NOT NULL), '{{}}')
                AS code_failed,
            coalesce(array_agg(bucket ORDER BY bucket) FILTER (WHERE bucket IS NOT NULL), '{{}}') AS buckets,
            coalesce(array_agg(bucket_visits::bigint ORDER BY bucket) FILTER (WHERE bucket IS NOT NULL), '{{}}')
                AS bucket_visits
        FROM part GROUP BY day, owner_id, kind, label
    )
"""  # noqa: S608 - constants
_ROW = f"day, owner_id, kind, label, {_NAMES}, codes, code_failed, buckets, bucket_visits"
_SUM_DAYS = f"""
    WITH timed AS (
        SELECT *, visited_at AT TIME ZONE %(zone)s AS local FROM insights_visitsummary
        WHERE visited_at >= %(begin)s AND visited_at < %(end)s OFFSET 0
    ), dated AS (
        SELECT * FROM timed WHERE local::date = ANY(%(days)s)
    ), {ROWS_OF_DATED}, cleared AS (
        DELETE FROM insights_daysum WHERE kind = ANY(%(kinds)s) AND day = ANY(%(days)s)
    ), summed AS (
        INSERT INTO insights_daysum ({_ROW}) SELECT {_ROW} FROM day_row
    )
    INSERT INTO insights_keptday (day, zone, stores)
    SELECT day, %(zone)s, ({_STORES}) FROM unnest(%(days)s::date[]) AS day
    ON CONFLICT (day) DO UPDATE SET zone = excluded.zone, stores = excluded.stores
"""  # noqa: S608 - constants
# Of days that are kept, and whose stores are as the store master has them now: where their sums are not what their
# visits sum to.
WRONG_DAYS = f"""
    WITH kept AS MATERIALIZED (
        SELECT day, zone FROM insights_keptday
        WHERE zone = (SELECT min(zone) FROM insights_keptday) AND stores = ({_STORES})
    ), timed AS (
        SELECT *, visited_at AT TIME ZONE (SELECT min(zone) FROM kept) AS local FROM insights_visitsummary
    ), dated AS (
        SELECT * FROM timed WHERE local::date IN (SELECT day FROM kept)
    ), {ROWS_OF_DATED}, differing AS (
        (SELECT {_ROW} FROM day_row EXCEPT ALL SELECT {_ROW} FROM insights_daysum WHERE day IN (SELECT day FROM kept))
        UNION ALL
        (SELECT {_ROW} FROM insights_daysum WHERE day IN (SELECT day FROM kept) EXCEPT ALL SELECT {_ROW} FROM day_row)
    )
    SELECT min(extract(julian FROM day))::bigint, format('the sums of %s by %s are not those of its visits', day, kind)
    FROM differing GROUP BY day, kind
"""  # noqa: S608 - constants
_DROP = f"""
    DELETE FROM insights_keptday WHERE zone <> %(zone)s OR stores <> ({_STORES}) OR day < %(first)s OR day >= %(today)s
"""  # noqa: S608 - constants


def slices(most_days: int | None = MOST_DAYS) -> Iterator[None]:
    """After a refresh: sums the days that are not kept, some of them at a time, each committed when it is yielded."""
    now = today()
    first = now - timedelta(days=DAYS_KEPT)
    with longer("refresh"), connection.cursor() as cursor:
        _lock(cursor)
        cursor.execute(_DROP, {"zone": zone().key, "first": first, "today": now})
        cursor.execute(
            "DELETE FROM insights_daysum WHERE kind = ANY(%s) AND day < %s", [Kind.values, first - timedelta(days=7)]
        )
    yield
    kept = set(KeptDay.objects.values_list("day", flat=True))
    days = [day for back in range(1, DAYS_KEPT + 1) if (day := now - timedelta(days=back)) not in kept]
    for run in _runs(days[:most_days]):
        _sum(run)
        yield


def _runs(days: Sequence[date]) -> Iterator[list[date]]:
    """The days, latest first, as runs of days that follow each other: the visits of one run are read in one piece."""
    run: list[date] = []
    for day in days:
        if run and (run[-1] - day > timedelta(days=1) or len(run) == DAYS_AT_A_TIME):
            yield run
            run = []
        run.append(day)
    if run:
        yield run


def _sum(days: Sequence[date]) -> None:
    parameters: dict[str, Any] = {
        "zone": zone().key,
        "days": list(days),
        "begin": start_of(min(days)),
        "end": start_of(max(days) + timedelta(days=1)),
        "kinds": Kind.values,
    }
    with longer("refresh"), connection.cursor() as cursor:
        _lock(cursor)
        cursor.execute(OF_MANY)
        cursor.execute(_SUM_DAYS, parameters)
        failpoints.hit("days.before_commit")


def _lock(cursor: CursorWrapper) -> None:
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [advisory_locks.SUMMARIES])
