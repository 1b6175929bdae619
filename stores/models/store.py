from __future__ import annotations

from collections.abc import Iterable

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.db import connections, models
from django.db.models import F, Func, Q
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now

from stores.models.category import Category
from stores.places import Misplaced, read_place
from tables.cells import invisible_complaint

# In characters, as the columns count them.
MAX_LENGTHS = {"store_id": 64, "name": 255, "area_code": 64}
MAX_TIMEZONE = 64


def all_visible(code: str) -> None:
    """Raises ValidationError: a code with a character that nobody sees would never be found again."""
    if complaint := invisible_complaint(code):
        raise ValidationError(f"This {complaint}.")


class ByHand(Func):
    """Whether a store was put into a group by hand.

    As an array that is read once, which indexes can look up: with a subquery beside a rule, every store would be read.
    """

    template = (
        "(%(expressions)s = ANY (ARRAY("
        "SELECT store_id FROM stores_storegroup_by_hand WHERE storegroup_id = %(group)s)))"
    )
    output_field = models.BooleanField()


class StoreQuerySet(models.QuerySet["Store"]):
    def narrowed(
        self, area: str | None = None, category: str | None = None, group: int | None = None, store: str | None = None
    ) -> StoreQuerySet:
        """By area code, name of a category ("" is uncategorised), id of a group and store id; None does not narrow."""
        stores = self
        if area is not None:
            stores = stores.in_area(area)
        if category is not None:
            stores = stores.in_category(category)
        if group is not None:
            stores = stores.in_group(group)
        return stores if store is None else stores.filter(store_id=store)

    def containing(self, text: str) -> StoreQuerySet:
        """Those with the text in their id or name, in either case."""
        return self.filter(Q(store_id__icontains=text) | Q(name__icontains=text)) if text else self

    def in_area(self, area_code: str) -> StoreQuerySet:
        return self.filter(area_code=area_code)

    def in_category(self, name: str) -> StoreQuerySet:
        """The stores of a category by its name; by an empty one, those that have none; none for an unknown one."""
        if not name:
            return self.filter(category=None)
        # By its key, of which the planner knows how often it is there: 0 is no category's.
        return self.filter(category=Category.objects.filter(name=name).values_list("pk", flat=True).first() or 0)

    def in_group(self, group_id: int) -> StoreQuerySet:
        """Those that the group's rule finds, and those that were put into it by hand; none for an unknown group."""
        group = apps.get_model("stores", "StoreGroup").objects.filter(pk=group_id).first()
        if group is None:
            # Written so that it can be part of any statement, unlike `none()`.
            return self.filter(pk=0)
        by_hand = Q(ByHand(F("pk"), group=int(group.pk)))
        return self.filter(group.rule | by_hand) if group.rule else self.filter(by_hand)

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
    # Null is uncategorised.
    category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.SET_NULL, related_name="stores", db_index=False
    )
    # By which word of the name, or by whom; empty where no word tells a category.
    category_why = models.CharField(max_length=200, blank=True, db_default="", default="")
    # Chosen by a person: no rule changes it.
    category_by_hand = models.BooleanField(default=False, db_default=False)
    # Of the name, see `stores/words.py`.
    words = ArrayField(models.TextField(), default=list, db_default=[], blank=True, editable=False)
    # In degrees; both or neither.
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    # Of the store's clock, as in "Asia/Kolkata"; empty where nobody has said.
    timezone = models.CharField(max_length=MAX_TIMEZONE, blank=True, db_default="", default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now(), editable=False)

    objects = StoreQuerySet.as_manager()

    class Meta:
        constraints = [
            # Not `unique=True`: its second index, for LIKE, no query uses and every import pays for.
            models.UniqueConstraint(fields=["store_id"], name="store_id_once"),
            models.CheckConstraint(
                condition=Q(latitude=None, longitude=None)
                | Q(latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180),
                name="store_coordinates_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["area_code"], name="store_area"),
            models.Index(fields=["category", "area_code"], name="store_category"),
            GinIndex(fields=["words"], name="store_words"),
            # Whoever looks for stores with the same name goes along it.
            models.Index(fields=["area_code", "words", "id"], name="store_duplicates"),
        ]

    def __str__(self) -> str:
        return f"{self.store_id} {self.name}"

    def clean(self) -> None:
        """Raises ValidationError for coordinates and a time zone that no import would take."""
        try:
            place = read_place(
                {
                    "latitude": "" if self.latitude is None else str(self.latitude),
                    "longitude": "" if self.longitude is None else str(self.longitude),
                    "timezone": self.timezone,
                }
            )
        except Misplaced as fault:
            raise ValidationError({fault.field: f"{fault.field.capitalize()} {fault.reason}."}) from None
        self.timezone = place.timezone

    @property
    def coordinates(self) -> str:
        """In degrees north and east; empty where they are not known."""
        return "" if self.latitude is None else f"{self.latitude:.6g}, {self.longitude:.6g}"
