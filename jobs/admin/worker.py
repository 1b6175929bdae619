from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib import admin
from django.db.models import Count, DurationField, ExpressionWrapper, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.utils.safestring import SafeString

from jobs.admin.links import to_list
from jobs.models import ImageResult, Worker
from jobs.states import ImageState
from retail_pulse.admin import ReadOnlyAdmin


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    """Whether a worker is alive follows from its heartbeat and the database's clock; a dead worker's row is kept until
    its images are rescued."""

    list_display = ["id", "host", "pid", "alive", "last_beat", "slots", "in_flight", "started_at"]
    ordering = ["id"]
    fields = ["host", "pid", "alive", "last_beat", "slots", "in_flight", "started_at", "beat_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Worker]:
        lease = timedelta(seconds=settings.LEASE_SECONDS)
        running = ImageResult.objects.running().filter(claimed_by=OuterRef("pk")).order_by().values("claimed_by")
        counted = running.annotate(number=Count("pk")).values("number")
        workers: QuerySet[Worker] = super().get_queryset(request)
        return workers.annotate(
            beats=Q(beat_at__gte=Now() - lease),
            silence=ExpressionWrapper(Now() - F("beat_at"), output_field=DurationField()),
            claims=Coalesce(Subquery(counted, IntegerField()), 0),
        )

    @admin.display(description="alive", boolean=True)
    def alive(self, worker: Worker) -> bool:
        return worker.beats  # type: ignore[attr-defined,no-any-return]  # annotated

    @admin.display(description="last beat", ordering="beat_at")
    def last_beat(self, worker: Worker) -> str:
        seconds = max(0, round(worker.silence.total_seconds()))  # type: ignore[attr-defined]  # annotated
        return f"{seconds:,} second{pluralize(seconds)} ago"

    @admin.display(description="worker slots", ordering="seats")
    def slots(self, worker: Worker) -> int:
        return worker.seats

    @admin.display(description="images in flight")
    def in_flight(self, worker: Worker) -> SafeString:
        claims: int = worker.claims  # type: ignore[attr-defined]  # annotated
        return to_list(ImageResult, f"{claims:,}", claimed_by=worker.pk, state__exact=ImageState.RUNNING.value)
