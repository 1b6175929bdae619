from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import connections, models
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now

from tables.cells import invisible_complaint

# In characters, as the columns count them.
MAX_LENGTHS = {"store_id": 64, "name": 255, "area_code": 64}


def all_visible(code: str) -> None:
    """Raises ValidationError: a code with a character that nobody sees would never be found again."""
    if complaint := invisible_complaint(code):
        raise ValidationError(f"This {complaint}.")


class StoreQuerySet(models.QuerySet["Store"]):
    def in_area(self, area_code: str) -> StoreQuerySet:
        return self.filter(area_code=area_code)

    def known(self, store_ids: Iterable[str]) -> StoreQuerySet:
        """Those of `store_ids` that the store master holds, in one query."""
        # One array instead of a parameter for each: a submission may name a hundred thousand.
        return self.filter(store_id__in=RawSQL("SELECT unnest(%s::text[])", [list(set(store_ids))]))

    def first_areas(self, number: int) -> list[str]:
        """The first `number` area codes of the whole store master in their order, in one query.

        Leaps along the index from one area to the next: DISTINCT would read a million stores for two areas.
        """
        with connections[self.db].cursor() as cursor:
            cursor.execute(
                """
                WITH RECURSIVE area (code) AS (
                    (SELECT min(area_code) FROM stores_store)
                    UNION ALL
                    SELECT (SELECT min(area_code) FROM stores_store WHERE area_code > area.code)
                    FROM area WHERE area.code IS NOT NULL
                )
                SELECT code FROM area WHERE code IS NOT NULL LIMIT %s
                """,
                [number],
            )
            return [code for (code,) in cursor.fetchall()]


class Store(models.Model):
    """One shop of the store master.

    `store_id` and `area_code` are opaque text, compared as written. A name is not a key: chains share one.
    """

    store_id = models.CharField("store id", max_length=MAX_LENGTHS["store_id"], validators=[all_visible])
    name = models.CharField(max_length=MAX_LENGTHS["name"])
    area_code = models.CharField(max_length=MAX_LENGTHS["area_code"], validators=[all_visible])
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now(), editable=False)

    objects = StoreQuerySet.as_manager()

    class Meta:
        constraints = [
            # Not `unique=True`: its second index, for LIKE, no query uses and every import pays for.
            models.UniqueConstraint(fields=["store_id"], name="store_id_once"),
        ]
        indexes = [
            models.Index(fields=["area_code"], name="store_area"),
        ]

    def __str__(self) -> str:
        return f"{self.store_id} {self.name}"
