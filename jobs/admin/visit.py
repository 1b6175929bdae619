from __future__ import annotations

from typing import cast

from django.contrib import admin
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.safestring import SafeString

from jobs.admin.filters import AreaOfVisitFilter
from jobs.admin.links import to_list, to_page, to_store_list, to_store_page
from jobs.admin.referred import with_referred
from jobs.admin.rules import PartOfJobs
from jobs.models import ImageResult, Job, Visit
from jobs.models.client_reference import visits_with
from jobs.models.visit import VisitQuerySet
from retail_pulse.admin import CappedPaginator, ReadOnlyAdmin
from tables.cells import visible


@admin.register(Visit)
class VisitAdmin(PartOfJobs, ReadOnlyAdmin):
    list_display = ["id", "job_page", "store", "visit_time", "visited_at", "images"]
    list_filter = ["job__status", AreaOfVisitFilter]
    ordering = ["-id"]
    # No other order has an index, and without one every visit would be read for each page.
    sortable_by = ["id"]
    search_fields = ["store_id__exact"]
    search_help_text = "A store's id, as sent, or the client's reference"
    paginator = CappedPaginator
    fields = [
        "job_page",
        "store_page",
        "visit_time",
        "visited_at",
        "visited_by",
        "client_reference",
        "metadata",
        "images",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Visit]:
        images = ImageResult.objects.filter(visit=OuterRef("pk")).order_by().values("visit")
        counted = images.annotate(number=Count("pk")).values("number")
        visits = cast(VisitQuerySet, super().get_queryset(request)).of_jobs_there()
        return visits.annotate(image_count=Coalesce(Subquery(counted, IntegerField()), 0))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Visit], search_term: str
    ) -> tuple[QuerySet[Visit], bool]:
        found, repeats = super().get_search_results(request, queryset, search_term)
        return with_referred(found, queryset, visits_with, search_term), repeats

    @admin.display(description="client reference")
    def client_reference(self, visit: Visit) -> str:
        return visible(visit.reference.client_reference) if hasattr(visit, "reference") else "-"

    @admin.display(description="job")
    def job_page(self, visit: Visit) -> SafeString:
        return to_page(Job, visit.job_id, f"Job\N{NO-BREAK SPACE}{visit.job_id}")

    @admin.display(description="store")
    def store(self, visit: Visit) -> SafeString:
        return to_store_list(visit.store_id)

    @admin.display(description="store")
    def store_page(self, visit: Visit) -> SafeString | str:
        return to_store_page(visit.store_id)

    @admin.display(description="images")
    def images(self, visit: Visit) -> SafeString:
        return to_list(ImageResult, f"{visit.image_count:,}", visit=visit.pk)  # type: ignore[attr-defined]  # annotated
