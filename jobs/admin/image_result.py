from __future__ import annotations

import json
from typing import cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from jobs.admin.filters import AreaOfImageFilter, ErrorCodeFilter
from jobs.admin.latest import MOST_ROWS, LatestRows
from jobs.admin.links import to_page, to_store_list, to_store_page
from jobs.admin.referred import with_referred
from jobs.admin.rules import PartOfJobs
from jobs.models import FailedAttempt, ImageResult, Job, Visit, Worker
from jobs.models.client_reference import images_with
from jobs.models.image_result import ImageResultQuerySet
from jobs.states import ImageState
from retail_pulse.admin import CappedPaginator, ReadOnlyAdmin
from tables.cells import visible

# Characters of a URL in a list; its page shows all of it.
SHOWN_URL = 48


class FailedAttempts(LatestRows):
    model = FailedAttempt
    fk_name = "image"
    verbose_name_plural = f"failed attempts, the latest {MOST_ROWS}"
    fields = [
        "failed_at",
        "code",
        "message",
        "counted",
        "http_status",
        "redirected_to",
        "address_class",
        "content_type",
        "bytes",
        "elapsed_ms",
        "worker_id",
    ]
    readonly_fields = ["redirected_to"]
    ordering = ["claim_no"]

    @admin.display(description="redirected to")
    def redirected_to(self, attempt: FailedAttempt) -> str:
        return "\n".join(attempt.redirects) or "-"


@admin.register(ImageResult)
class ImageResultAdmin(PartOfJobs, ReadOnlyAdmin):
    list_display = ["id", "state", "job_page", "store", "short_url", "result", "attempts", "finished_at"]
    list_filter = ["state", ErrorCodeFilter, AreaOfImageFilter]
    ordering = ["-id"]
    # No other order has an index, and without one every image would be read for each page.
    sortable_by = ["id"]
    search_fields = ["visit__store_id__exact"]
    search_help_text = "A store's id, as sent, or the client's reference"
    paginator = CappedPaginator
    inlines = [FailedAttempts]
    fieldsets = [
        (None, {"fields": ["state", "error", "job_page", "visit_page", "store_page", "whole_url"]}),
        ("Of the client", {"fields": ["client_reference", "metadata"]}),
        ("Measured", {"fields": [("perimeter", "width", "height", "format", "bytes"), "gpu_result"]}),
        (
            "Work",
            {
                "fields": [
                    ("attempts", "crashes", "generation"),
                    ("fetch_ms", "measure_ms", "gpu_ms"),
                    ("claim_no", "worker", "claimed_at"),
                    ("turn", "run_after", "finished_at"),
                    ("waits_for", "waits_since"),
                ]
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImageResult]:
        images = cast(ImageResultQuerySet, super().get_queryset(request))
        return images.of_jobs_there().select_related("visit")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ImageResult], search_term: str
    ) -> tuple[QuerySet[ImageResult], bool]:
        found, repeats = super().get_search_results(request, queryset, search_term)
        return with_referred(found, queryset, images_with, search_term), repeats

    @admin.display(description="client reference")
    def client_reference(self, image: ImageResult) -> str:
        return visible(image.details.client_reference) or "-" if hasattr(image, "details") else "-"

    @admin.display(description="metadata")
    def metadata(self, image: ImageResult) -> str:
        metadata = image.details.metadata if hasattr(image, "details") else None
        return json.dumps(metadata, ensure_ascii=False) if metadata else "-"

    @admin.display(description="job")
    def job_page(self, image: ImageResult) -> SafeString:
        return to_page(Job, image.job_id, f"Job\N{NO-BREAK SPACE}{image.job_id}")

    @admin.display(description="visit")
    def visit_page(self, image: ImageResult) -> SafeString:
        return to_page(Visit, image.visit_id, f"Visit {image.visit_id}, {image.visit.visit_time}")

    @admin.display(description="store")
    def store(self, image: ImageResult) -> SafeString:
        return to_store_list(image.visit.store_id)

    @admin.display(description="store")
    def store_page(self, image: ImageResult) -> SafeString | str:
        return to_store_page(image.visit.store_id)

    @admin.display(description="url")
    def short_url(self, image: ImageResult) -> str:
        return visible(Truncator(image.url).chars(SHOWN_URL))

    @admin.display(description="url")
    def whole_url(self, image: ImageResult) -> str:
        return visible(image.url)

    @admin.display(description="result")
    def result(self, image: ImageResult) -> str:
        if image.state == ImageState.COMPLETED:
            return f"perimeter {image.perimeter:,} ({image.width:,} \N{MULTIPLICATION SIGN} {image.height:,})"
        return image.error_code or self.turn(image)

    @admin.display(description="in the queue")
    def turn(self, image: ImageResult) -> str:
        """What a pending image is waiting for."""
        if image.state != ImageState.PENDING:
            return "-"
        if image.held:
            return "held, until its job is resumed or the store's image before it has finished"
        if image.run_after is not None:
            return "waiting for its next attempt"
        if not image.waits_for:
            return "ready"
        # What begins with an asterisk is no host.
        whose = "a host that has not answered yet" if image.waits_for.startswith("*") else image.waits_for
        return f"waiting for a place at {whose}"

    @admin.display(description="error")
    def error(self, image: ImageResult) -> str:
        if not image.error_code:
            return "-"
        advice = "A retry may help." if image.retryable else "Permanent: a retry helps only once the cause is repaired."
        return f"{image.error_code}\n{image.error_message}\n{advice}"

    @admin.display(description="claimed by")
    def worker(self, image: ImageResult) -> SafeString | str:
        if image.claimed_by is None:
            return "-"
        name = f"Worker {image.claimed_by}"
        # A final row keeps the number of a worker that may be long gone.
        return to_page(Worker, image.claimed_by, name) if image.state == ImageState.RUNNING else name
