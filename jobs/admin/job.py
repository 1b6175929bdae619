from __future__ import annotations

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from jobs import queue
from jobs.admin.links import to_list
from jobs.admin.read_only import ReadOnlyAdmin
from jobs.engine.base import wake_up
from jobs.errors import is_retryable
from jobs.models import ImageResult, Job, Visit
from jobs.states import ImageState

# Stores whose errors are spelled out on a job's page; a job may have a hundred thousand of them.
MOST_STORE_ERRORS = 100


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = [
        "id", "status", "progress", "total", "failed_images", "owner", "created_at",
        "finished_at",
    ]  # fmt: skip
    list_filter = ["status", "on_error"]
    list_select_related = ["owner"]
    date_hierarchy = "created_at"
    ordering = ["-id"]
    search_fields = ["id__exact"]
    search_help_text = "A job's id"
    actions = ["retry_failed_images"]
    fieldsets = [
        (None, {"fields": ["status", "progress", "counts", "visits"]}),
        ("What failed", {"fields": ["failures", "stores"]}),
        ("Submission", {"fields": ["owner", "on_error", "priority", "created_at", "finished_at"]}),
    ]

    @admin.display(description="progress")
    def progress(self, job: Job) -> SafeString:
        return format_html(
            '<progress value="{}" max="{}" aria-label="finished images"></progress> {}\N{NO-BREAK SPACE}%',
            job.finished,
            job.total,
            int(100 * job.progress),  # rounded down: 100 % means all
        )

    @admin.display(description="failed", ordering="failed")
    def failed_images(self, job: Job) -> SafeString | str:
        if not job.failed:
            return "0"
        return to_list(ImageResult, f"{job.failed}", job=job.pk, state__exact=ImageState.FAILED.value)

    @admin.display(description="images")
    def counts(self, job: Job) -> SafeString:
        counts = job.counts()
        states = [
            (to_list(ImageResult, f"{getattr(counts, state):,} {state}", job=job.pk, state__exact=state.value),)
            for state in ImageState
        ]
        return format_html(
            "{}: {}",
            to_list(ImageResult, f"{counts.total:,} in all", job=job.pk),
            format_html_join(", ", "{}", states),
        )

    @admin.display(description="visits")
    def visits(self, job: Job) -> SafeString:
        return to_list(Visit, "the job's visits", job=job.pk)

    @admin.display(description="images by error code")
    def failures(self, job: Job) -> SafeString | str:
        failed = ImageResult.objects.failed().filter(job=job)
        codes = failed.values_list("error_code").annotate(images=Count("pk")).order_by("-images", "error_code")
        rows = [
            (
                to_list(ImageResult, code, job=job.pk, code=code),
                f"{images:,}",
                "a retry may help" if is_retryable(code) else "permanent",
            )
            for code, images in codes
        ]
        if not rows:
            return "-"
        return format_html(
            "<table><thead><tr><th>code</th><th>images</th><th></th></tr></thead><tbody>{}</tbody></table>",
            format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", rows),
        )

    @admin.display(description="failed stores")
    def stores(self, job: Job) -> SafeString | str:
        """The sentences that `/api/status` answers with, known once the job has finished."""
        if not job.store_errors:
            return "-"
        shown = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td></tr>",
            (
                (to_list(Visit, entry["store_id"], job=job.pk, store_id=entry["store_id"]), entry["error"])
                for entry in job.store_errors[:MOST_STORE_ERRORS]
            ),
        )
        more = len(job.store_errors) - MOST_STORE_ERRORS
        return format_html(
            "<table><thead><tr><th>store</th><th>error</th></tr></thead><tbody>{}</tbody></table>{}",
            shown,
            f"… and {more:,} more" if more > 0 else "",
        )

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("jobs.change_job")

    @admin.action(
        description="Retry failed images",
        permissions=["retry"],
        location=[admin.ActionLocation.CHANGE_LIST, admin.ActionLocation.CHANGE_FORM],
    )
    def retry_failed_images(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        reopened = jobs = still_unknown = 0
        for job in queryset.filter(failed__gte=1).order_by("id"):
            retried = queue.retry(job.pk)
            still_unknown += retried.still_unknown
            if retried.reopened:
                jobs += 1
                reopened += retried.reopened
                self.log_change(request, job, f"Retried {retried.reopened:,} failed images.")
        sentences = ["No image was reopened."]
        if reopened:
            # A job's own page runs its actions in a transaction.
            transaction.on_commit(wake_up, robust=True)
            sentences = [
                f"{reopened:,} image{pluralize(reopened)} of {jobs:,} job{pluralize(jobs)} will be tried again."
            ]
        if still_unknown:
            sentences.append(f"Left failed, because their store is still unknown: {still_unknown:,}.")
        self.message_user(request, " ".join(sentences), messages.SUCCESS if reopened else messages.WARNING)
