from __future__ import annotations

from collections.abc import Iterable
from typing import cast
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from access import rights
from jobs import actions
from jobs.admin.latest import MOST_ROWS, LatestRows
from jobs.admin.links import to_dashboard, to_list
from jobs.admin.referred import with_referred
from jobs.admin.rules import PartOfJobs
from jobs.errors import retryable_codes
from jobs.models import ImageResult, Job, JobAction, Visit
from jobs.models.client_reference import jobs_with
from jobs.models.job import JobQuerySet
from jobs.models.store_errors import stored
from jobs.queue import NotPossible
from jobs.states import ImageState, JobStatus
from retail_pulse.admin import ReadOnlyAdmin, dashboard_address

# Stores whose errors are listed on a job's page; a job may have a hundred thousand of them.
MOST_STORE_ERRORS = 100
# Jobs that can be handed over to the dashboard at once, since their ids travel in the address; and jobs that can be
# deleted at once, since all of them are locked until the last one is.
MOST_CHOSEN = 100


class History(LatestRows):
    model = JobAction
    fk_name = "job"
    verbose_name_plural = f"history, the latest {MOST_ROWS}"
    fields = ["done_at", "verb", "user_name", "images", "parameters"]
    readonly_fields = ["done_at"]
    ordering = ["pk"]


@admin.register(Job)
class JobAdmin(PartOfJobs, ReadOnlyAdmin):
    """Jobs are browsed here; people act on them on the dashboard, to which the pages lead.

    Ended ones can be deleted here as there, by the same call: the admin's own would list every image first, and read
    each of them.
    """

    list_display = [
        "id", "state", "progress", "total", "failed_images", "owner", "created_at",
        "finished_at", "open",
    ]  # fmt: skip
    list_filter = ["status", "on_error"]
    date_hierarchy = "created_at"
    ordering = ["-id"]
    search_fields = ["id__exact"]
    search_help_text = "A job's id, or its client's reference"
    inlines = [History]
    actions = ["open_on_dashboard", "delete_selected"]
    fieldsets = [
        (None, {"fields": ["state", "dashboard", "progress", "counts", "visits"]}),
        ("What failed", {"fields": ["failures", "stores"]}),
        (
            "Submission",
            {
                "fields": [
                    ("owner", "on_error", "priority"),
                    ("created_at", "started_at", "paused_at", "canceled_at", "finished_at"),
                    "request_id",
                    ("client_reference", "metadata"),
                ]
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        return cast(JobQuerySet, super().get_queryset(request)).with_running().prefetch_related("owner")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        found, repeats = super().get_search_results(request, queryset, search_term)
        return with_referred(found, queryset, jobs_with, search_term), repeats

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return rights.may_delete_all_jobs(request.user)

    def get_deleted_objects(
        self, objs: Iterable[Job], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What the page that asks for confirmation lists, in numbers; jobs that have not ended stand in its way."""
        jobs = list(objs)
        ended = [job for job in jobs if job.status != JobStatus.ONGOING]
        listed = [f"Job {job.pk}, with its visits, its history and {job.total:,} images" for job in ended]
        numbers = {"jobs": len(ended), "images": sum(job.total for job in ended)}
        protected = [
            f"Job {job.pk}: it has not ended; cancel it first" for job in jobs if job.status == JobStatus.ONGOING
        ]
        return listed, numbers, set(), protected

    def delete_model(self, request: HttpRequest, obj: Job) -> None:
        try:
            actions.delete(obj.pk, request.user)
        except (NotPossible, Job.DoesNotExist) as error:
            # Retried, or deleted, since the page asked.
            raise PermissionDenied(str(error)) from None

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        # In the order in which everybody locks jobs.
        for job in queryset.order_by("pk"):
            self.delete_model(request, job)

    @admin.action(description="Delete selected jobs", permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        """The admin's own action, on all of the chosen jobs or none: it logs the deletions before it does them."""
        if queryset[: MOST_CHOSEN + 1].count() > MOST_CHOSEN:
            sentence = f"Choose at most {MOST_CHOSEN} jobs here; `manage.py prune` deletes all that are old."
            self.message_user(request, sentence, messages.WARNING)
            return None
        with transaction.atomic():
            return delete_selected(self, request, queryset)

    @admin.display(description="state")
    def state(self, job: Job) -> str:
        return f"{job.state.label}: {job.outcome.label}" if job.outcome else job.state.label

    @admin.display(description="dashboard")
    def dashboard(self, job: Job) -> SafeString | str:
        return to_dashboard("job", job.pk, text="watch this job, or act on it where you may")

    @admin.display(description="dashboard")
    def open(self, job: Job) -> SafeString | str:
        return to_dashboard("job", job.pk, text="open")

    @admin.action(description="Open on the dashboard", permissions=["view"])
    def open_on_dashboard(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponseRedirect | None:
        """The dashboard's list of exactly the chosen jobs, where people act on all of them at once."""
        chosen = list(queryset.order_by("pk").values_list("pk", flat=True)[: MOST_CHOSEN + 1])
        address = dashboard_address("jobs")
        if address is None:
            self.message_user(request, "This service has no dashboard.", messages.WARNING)
        elif len(chosen) > MOST_CHOSEN:
            sentence = f"Choose at most {MOST_CHOSEN} jobs here; the dashboard acts on all jobs that match a filter."
            self.message_user(request, sentence, messages.WARNING)
        elif len(chosen) == 1:
            # The list would also match the jobs of a store or an owner that this number names.
            return HttpResponseRedirect(f"{address}{chosen[0]}/")
        else:
            return HttpResponseRedirect(f"{address}?{urlencode({'q': ' '.join(map(str, chosen))})}")
        return None

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
                "a retry may help" if code in retryable_codes() else "permanent",
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
        """The sentences in the answer of `/api/status`, known once the job has finished."""
        errors = stored(job.pk, MOST_STORE_ERRORS)
        if not errors.total:
            return "-"
        shown = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td></tr>",
            (
                (to_list(Visit, entry["store_id"], job=job.pk, store_id=entry["store_id"]), entry["error"])
                for entry in errors.entries
            ),
        )
        more = errors.total - len(errors.entries)
        return format_html(
            "<table><thead><tr><th>store</th><th>error</th></tr></thead><tbody>{}</tbody></table>{}",
            shown,
            f"… and {more:,} more; /api/v1/jobs/{job.pk}/store-errors lists all of them, page by page" if more else "",
        )
