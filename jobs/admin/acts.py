"""What the admin lets people do to jobs: each asks once more, says what came of it, and leaves a log entry."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse

from jobs import actions
from jobs.actions import CANCEL, PAUSE, RESUME, RETRY, Act
from jobs.models import ImageResult, Job

EVERYWHERE = [admin.ActionLocation.CHANGE_LIST, admin.ActionLocation.CHANGE_FORM]
# Jobs named on the page that asks once more.
MOST_NAMED = 20


class JobActs(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for the type checker alone
    actions = ["retry_failed_images", "cancel_jobs", "pause_jobs", "resume_jobs"]

    def has_act_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("jobs.change_job")

    @admin.action(description=RETRY.title, permissions=["act"], location=EVERYWHERE)
    def retry_failed_images(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        return self._act(RETRY, request, queryset)

    @admin.action(description=CANCEL.title, permissions=["act"], location=EVERYWHERE)
    def cancel_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        return self._act(CANCEL, request, queryset)

    @admin.action(description=PAUSE.title, permissions=["act"], location=EVERYWHERE)
    def pause_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        return self._act(PAUSE, request, queryset)

    @admin.action(description=RESUME.title, permissions=["act"], location=EVERYWHERE)
    def resume_jobs(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        return self._act(RESUME, request, queryset)

    def _act(self, act: Act, request: HttpRequest, jobs: QuerySet[Job]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self._ask(act, request, jobs)

        moved: list[int] = []

        def do(job_id: int) -> int:
            images = act.do(job_id, request.user)
            if images:
                moved.append(job_id)
                sentence = f"{act.title}: {images:,} image{pluralize(images)} {act.after}."
                self.log_change(request, Job(pk=job_id), sentence)
            return images

        acted = actions.act_on_all(jobs, do)
        images = acted.images
        of = f"{images:,} image{pluralize(images)} of {len(moved):,} job{pluralize(len(moved))}"
        self.message_user(
            request, f"{of if images else 'No image'} {act.after}.", messages.SUCCESS if images else messages.WARNING
        )
        if act is RETRY and (unknown := ImageResult.objects.filter(job__in=jobs).of_unknown_stores().count()):
            sentence = f"Left failed, because their store is still unknown: {unknown:,}."
            self.message_user(request, sentence, messages.WARNING)
        if acted.left:
            sentence = f"{acted.left:,} jobs were not reached in time; do the same again for them."
            self.message_user(request, sentence, messages.WARNING)
        for sentence in list(acted.refused.values())[:MOST_NAMED]:
            self.message_user(request, sentence, messages.WARNING)
        return None

    def _ask(self, act: Act, request: HttpRequest, jobs: QuerySet[Job]) -> HttpResponse:
        """The page that says what will happen; its form repeats the request and confirms it."""
        count = jobs.count()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{act.title}?",
            "effect": f"{act.effect} Chosen: {count:,} job{pluralize(count)}.",
            "preview": _preview(jobs) if act is RETRY else "",
            "shown": jobs.order_by("pk")[:MOST_NAMED],
            "more": max(0, count - MOST_NAMED),
            "button": act.title,
            "repeated": [
                (name, value)
                for name, values in request.POST.lists()
                if name != "csrfmiddlewaretoken"
                for value in values
            ],
        }
        return TemplateResponse(request, "admin/jobs/job/confirm.html", context)


def _preview(jobs: QuerySet[Job]) -> str:
    failed = ImageResult.objects.failed().filter(job__in=jobs)
    matching, retryable = failed.count(), failed.retryable().count()
    unknown = failed.of_unknown_stores().count()
    permanent = matching - retryable - unknown
    return (
        f"{matching:,} failed. Another attempt may help {retryable:,}; {permanent:,} are permanent until their cause "
        f"is mended; {unknown:,} are of unknown stores."
    )
