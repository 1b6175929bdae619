from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThan

from access import rights
from jobs.models.expressions import Behind, IsTrue
from jobs.models.job import PENDING_KB, Job
from jobs.models.metadata import MetadataMixin
from stores.models import Store

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


_IS_NAMED = GreaterThan(Length("visited_by"), 0)


def area_of(store_id: str) -> Subquery:
    """The area of the store that this field names; null if the store master does not have the store.

    Looked up by the store's key, row by row: unlike a join or EXISTS, the planner cannot make of it a comparison of
    all rows with all stores, which it does where it knows of no stores.
    """
    return Subquery(Store.objects.filter(store_id=OuterRef(store_id)).values("area_code")[:1])


def place_in_group(store_id: str, group_id: int) -> Subquery:
    """The key of the store that this field names, null where it is not in the group; row by row, as above."""
    stores = Store.objects.in_group(group_id)
    return Subquery(stores.filter(store_id=OuterRef(store_id)).values("pk")[:1])


class VisitQuerySet(MetadataMixin, models.QuerySet["Visit"]):
    def of_jobs_there(self) -> VisitQuerySet:
        """The visits of jobs that are not deleted."""
        return self.exclude(job__in=Job.with_deleted.deleted().values("pk"))

    def latest_of(self, store_id: str) -> VisitQuerySet:
        """The visits of a store, those of its latest jobs first."""
        # Written so that only the index of store and job gives this order, see `ImageResultQuerySet.in_order_of`.
        visits = self.filter(store_id__gte=store_id, store_id__lte=store_id)
        return visits.order_by("-store_id", "-job_id")

    def with_job(self) -> VisitQuerySet:
        """Visits with their jobs in the same query, without `Job.store_errors`, which may be megabytes."""
        return self.select_related("job").defer("job__store_errors")

    def readable_by(self, user: User | AnonymousUser | None) -> VisitQuerySet:
        """The visits of jobs that `user` may read, each looked up by its key: for sets found by an index, so that the
        planner has no choice but to begin with that."""
        jobs = Job.objects.filter(pk=OuterRef("job"))
        if (owners := rights.readable_owners(user)) is not None:
            # Not by the index of owners, in which each visit would be looked up for each member of a team.
            jobs = jobs.filter(IsTrue(rights.are_of(owners)))
        return self.alias(readable=Subquery(jobs.values("pk")[:1])).filter(readable__isnull=False)

    def by(self, name: str, after: int = 0) -> VisitQuerySet:
        """The visits of a person, by the name as sent, behind an id, in the order of an index of all who are named."""
        # Written so that only this index gives the order, see `ImageResultQuerySet.in_order_of`.
        behind = Behind("visited_by", "id", models.Value(name), after)
        visits = self.filter(_IS_NAMED, behind, visited_by__lte=name)
        return visits.order_by("visited_by", "pk")

    def in_area(self, area: str) -> VisitQuerySet:
        """Visits of the stores in an area; for an empty one, of those that the store master does not have."""
        visits = self.alias(area=area_of("store_id"))
        return visits.filter(area=area) if area else visits.filter(area__isnull=True)

    def in_group(self, group_id: int) -> VisitQuerySet:
        """Visits of the stores in a group; none for an unknown one."""
        return self.alias(in_group=place_in_group("store_id", group_id)).filter(in_group__isnull=False)

    def since(self, instant: datetime) -> VisitQuerySet:
        """Visits at `instant` or later; a visit whose time could not be read is never among them."""
        return self.filter(visited_at__gte=instant)

    def before(self, instant: datetime) -> VisitQuerySet:
        return self.filter(visited_at__lt=instant)


class Visit(models.Model):
    """One stop of a field worker at a store, as the client sent it.

    `store_id` is text, not a foreign key: an unknown store is a failed result, not a refused job.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="visits")
    store_id = models.CharField(max_length=64)
    visit_time = models.CharField(max_length=200)
    visited_at = models.DateTimeField(null=True, blank=True)
    # Who made it, as the client names people; empty where it does not say.
    visited_by = models.CharField(max_length=64, blank=True, default="", db_default="")
    # What else the client says of it, texts by name.
    metadata = models.JSONField(blank=True, default=dict, db_default=models.Value({}, models.JSONField()))

    objects = VisitQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["store_id", "visited_at"], name="visit_store_time"),
            models.Index(fields=["store_id", "job"], name="visit_of_store"),
            models.Index(fields=["visited_at"], name="visit_time"),
            models.Index(fields=["visited_at"], condition=~models.Q(visited_by=""), name="visit_of_person"),
            # Not by the condition of the one above, which the planner would take for a search by a name as well.
            models.Index(fields=["visited_by", "id"], condition=models.Q(_IS_NAMED), name="visit_by_person"),
            GinIndex(
                fields=["metadata"],
                opclasses=["jsonb_path_ops"],
                gin_pending_list_limit=PENDING_KB,
                condition=~models.Q(metadata=models.Value({}, models.JSONField())),
                name="visit_metadata",
            ),
            # The condition holds for every row, but only a query about stores implies it. Without one, a planner that
            # expects few rows looks for a visit's id all along this index, although the id comes last in it.
            models.Index(
                fields=["job", "store_id", "id"], condition=models.Q(store_id__gte=""), name="visit_of_job_by_store"
            ),
        ]

    def __str__(self) -> str:
        return f"Visit {self.pk} of store {self.store_id}"
