from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Case, Count, F, Func, OuterRef, Q, Subquery, When
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import LessThanOrEqual

from access import rights
from jobs.models.metadata import MetadataMixin
from jobs.models.update_from import UpdateFromMixin
from jobs.states import ImageState, JobOutcome, JobState, JobStatus, OnError
from retail_pulse.request_ids import MOST_CHARACTERS

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


# What fails of a few hundred stores; compressed, so that it may be several times as much in an answer.
FEW_BYTES = 32 * 2**10
# Of rows with metadata that wait to be sorted into its index, in kilobytes: each search reads them all, and where there
# are many the planner would rather read the table.
PENDING_KB = 256
# Characters of a client's own id of a job, a visit or an image.
MAX_REFERENCE = 128


@dataclass(frozen=True, slots=True)
class Counts:
    """How many images of a job are in which state; the four always sum to `total`."""

    total: int
    pending: int
    running: int
    completed: int
    failed: int


class JobQuerySet(UpdateFromMixin, MetadataMixin, models.QuerySet["Job"]):
    def visible_to(self, user: User | AnonymousUser | None) -> JobQuerySet:
        """The jobs that `user` may read, see `access/rights.py`."""
        return rights.readable(self, user)

    def changeable_by(self, user: User | AnonymousUser | None) -> JobQuerySet:
        """The jobs for which `rights.may_change_job` holds."""
        return self if rights.may_change_all_jobs(user) else self.filter(owner=rights.owner_of(user))

    def ongoing(self) -> JobQuerySet:
        return self.filter(status=JobStatus.ONGOING)

    def ended(self) -> JobQuerySet:
        return self.exclude(status=JobStatus.ONGOING)

    def deleted(self) -> JobQuerySet:
        """Of `Job.with_deleted`, the jobs that nobody sees any more, though some of their rows are still there."""
        return self.filter(is_deleted=True)

    def ended_before(self, instant: datetime) -> JobQuerySet:
        """Jobs that ended before `instant`, and were not retried since."""
        return self.filter(finished_at__lt=instant)

    def with_running(self) -> JobQuerySet:
        """Jobs that know in `running` how many of their images are in flight, read in the same statement."""
        running = _running_images().filter(job=OuterRef("pk"))
        counted = running.values("job").annotate(n=Count("pk")).values("n")
        annotation = {"running": Coalesce(Subquery(counted), 0)}
        return self.annotate(**annotation)

    def with_few_store_errors(self) -> JobQuerySet:
        """Jobs that know in `few_store_errors` what failed of their stores, in the same statement.

        None where there are more than FEW_BYTES of them, as PostgreSQL stores them: `store_errors.stream_stored` has
        those.
        """
        size = Func(F("store_errors"), function="pg_column_size", output_field=models.IntegerField())
        few = Case(When(LessThanOrEqual(size, FEW_BYTES), then=F("store_errors")), output_field=models.JSONField())
        annotation = {"few_store_errors": few}
        return self.annotate(**annotation)

    def locked(self, *, skip_locked: bool = False) -> JobQuerySet:
        """These jobs, locked in the order of their ids, before any image of theirs is."""
        return self.order_by("pk").select_for_update(no_key=True, skip_locked=skip_locked)

    def in_state(self, state: JobState) -> JobQuerySet:
        """Jobs whose `Job.state` is this. For some states this first reads which jobs have images in flight."""
        if state == JobState.ENDED:
            return self.ended()
        canceling, paused = Q(canceled_at__isnull=False), Q(paused_at__isnull=False)
        started = Q(started_at__isnull=False)
        if state in (JobState.RUNNING, JobState.QUEUED):
            # As values: they are few, and to count the running images of every queued job takes seconds.
            started |= Q(pk__in=list(_running_images().values_list("job", flat=True).distinct()))
        return self.ongoing().filter(
            {
                JobState.CANCELING: canceling,
                JobState.PAUSED: ~canceling & paused,
                JobState.RUNNING: ~canceling & ~paused & started,
                JobState.QUEUED: ~canceling & ~paused & ~started,
            }[state]
        )

    def with_outcome(self, outcome: JobOutcome) -> JobQuerySet:
        return self.ended().filter(
            {
                JobOutcome.CANCELED: Q(canceled__gt=0),
                JobOutcome.FAILED: Q(failed__gt=0, canceled=0),
                JobOutcome.COMPLETED: Q(failed=0),
            }[outcome]
        )


def _running_images() -> models.QuerySet[Any]:
    # Images refer to jobs, not the other way round: the relation says which model they are.
    images = Job._meta.get_field("images").related_model._default_manager
    return images.filter(state=ImageState.RUNNING).order_by()


_JobManager = models.Manager.from_queryset(JobQuerySet)


class AllJobsManager(_JobManager["Job"]):
    """Reads jobs without `store_errors`: a job may have megabytes of them, and next to nothing asks for any.

    A single job still has them, at one more query; `store_errors.stored` reads a few of them.
    """

    def get_queryset(self) -> JobQuerySet:
        return cast("JobQuerySet", super().get_queryset().defer("store_errors"))


class JobManager(AllJobsManager):
    """The same, without the jobs that are deleted, though their rows may not all have gone yet: nobody sees those."""

    def get_queryset(self) -> JobQuerySet:
        return super().get_queryset().filter(is_deleted=False)


class Job(models.Model):
    """One submission: visits with their images.

    `completed` and `failed` move in the same transaction as the image rows they count, so `total` says
    without counting rows whether the job has finished.
    """

    # Protected: a job without an owner is everybody's where the API is open.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    status = models.CharField(max_length=16, choices=JobStatus, default=JobStatus.ONGOING)
    on_error = models.CharField(max_length=16, choices=OnError, default=OnError.CONTINUE)
    priority = models.SmallIntegerField(default=0)
    total = models.PositiveIntegerField()
    completed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    # Of the failed ones: those that were never tried because a person canceled the job.
    canceled = models.PositiveIntegerField(default=0)
    # [{"store_id": …, "error": …}], written when the job finishes, so that a status call reads one row.
    store_errors = models.JSONField(default=list, blank=True)
    # Of the request that submitted it; empty where a command did.
    request_id = models.CharField(max_length=MOST_CHARACTERS, default="", db_default="", blank=True, editable=False)
    # The client's own id of it, empty without one; and what else it says of it, texts by name.
    client_reference = models.CharField(max_length=MAX_REFERENCE, default="", db_default="", blank=True, editable=False)
    metadata = models.JSONField(
        default=dict, db_default=models.Value({}, models.JSONField()), blank=True, editable=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    # When the first outcome came in, that of a failed attempt included.
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Null again after a retry.
    canceled_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Nobody sees the job any more, and its rows go slice by slice, see `jobs/deletion/`. Of a boolean that it has never
    # counted, the planner expects half to be true; of a time that most rows lack, that nearly all have one.
    is_deleted = models.BooleanField(default=False, db_default=False, editable=False)

    objects = JobManager()
    # For those who delete them.
    with_deleted = AllJobsManager()

    class Meta:
        permissions = [("prioritize_job", "Can give jobs a priority above the default")]
        constraints = [
            models.CheckConstraint(
                condition=Q(completed__lte=F("total") - F("failed")), name="job_counts_within_total"
            ),
            models.CheckConstraint(condition=Q(canceled__lte=F("failed")), name="job_canceled_within_failed"),
            models.CheckConstraint(condition=Q(total__gte=1), name="job_has_images"),
            models.CheckConstraint(
                condition=Q(status=JobStatus.ONGOING, finished_at=None, completed__lt=F("total") - F("failed"))
                | Q(
                    status=JobStatus.COMPLETED,
                    finished_at__isnull=False,
                    completed=F("total"),
                    failed=0,
                )
                | Q(
                    status=JobStatus.FAILED,
                    finished_at__isnull=False,
                    completed=F("total") - F("failed"),
                    failed__gte=1,
                ),
                name="job_status_follows_counts",
            ),
            # A job that is deleted leaves its reference to another one. By the reference first, so that it is found for
            # those too who see the jobs of all.
            models.UniqueConstraint(
                fields=["client_reference", "owner"],
                condition=~Q(client_reference="") & Q(is_deleted=False),
                nulls_distinct=False,
                name="job_reference_once_per_owner",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], name="job_created_at"),
            # An owner's newest, of however many that are others'. With a condition: else a planner that expects few
            # jobs may look for the id of one all along this index.
            models.Index(fields=["owner", "id"], condition=Q(owner__isnull=False), name="job_of_owner"),
            models.Index(fields=["id"], condition=Q(owner__isnull=True), name="job_of_nobody"),
            models.Index(fields=["id"], condition=Q(status=JobStatus.ONGOING), name="job_ongoing"),
            # Where there are hundreds of thousands of the others. No counter is part of their conditions: a job that
            # only counts on keeps its place in every index.
            models.Index(fields=["id"], condition=~Q(status=JobStatus.ONGOING), name="job_ended"),
            models.Index(
                fields=["id"], condition=Q(status=JobStatus.ONGOING, started_at__isnull=False), name="job_started"
            ),
            models.Index(
                fields=["id"],
                condition=Q(status=JobStatus.ONGOING) & (Q(paused_at__isnull=False) | Q(canceled_at__isnull=False)),
                name="job_stopped",
            ),
            # What is old enough to be deleted, and what is being deleted.
            models.Index(
                fields=["finished_at"], condition=Q(finished_at__isnull=False, is_deleted=False), name="job_finished"
            ),
            models.Index(fields=["id"], condition=Q(is_deleted=True), name="job_deleted"),
            GinIndex(
                fields=["metadata"],
                opclasses=["jsonb_path_ops"],
                gin_pending_list_limit=PENDING_KB,
                condition=~Q(metadata=models.Value({}, models.JSONField())),
                name="job_metadata",
            ),
        ]

    def __str__(self) -> str:
        return f"Job {self.pk}"

    # Of jobs `with_running`, and `with_few_store_errors`.
    running: int
    few_store_errors: list[dict[str, str]] | None

    @property
    def state(self) -> JobState:
        """How far the job is; only of jobs `with_running`."""
        if self.status != JobStatus.ONGOING:
            return JobState.ENDED
        if self.canceled_at is not None:
            return JobState.CANCELING
        if self.paused_at is not None:
            return JobState.PAUSED
        return JobState.RUNNING if self.started_at is not None or self.running else JobState.QUEUED

    @property
    def outcome(self) -> JobOutcome | None:
        """What the job ended in, by the worst of its images; None before that."""
        if self.status == JobStatus.ONGOING:
            return None
        if self.canceled:
            return JobOutcome.CANCELED
        return JobOutcome.FAILED if self.failed else JobOutcome.COMPLETED

    @property
    def revision(self) -> str:
        """Another text whenever anything that describes the job has changed; only of jobs `with_running`."""
        counts = self.completed, self.failed, self.canceled, self.running
        return sha256(repr((self.state, *counts, self.priority, self.canceled_at)).encode()).hexdigest()[:16]

    @property
    def pending(self) -> int:
        """Images that are not in flight and not final; only of jobs `with_running`."""
        return self.total - self.finished - self.running

    @property
    def finished(self) -> int:
        return self.completed + self.failed

    @property
    def progress(self) -> float:
        """From 0 to 1: the share of images with a final outcome."""
        return self.finished / self.total

    def counts(self) -> Counts:
        """Counted from the job's own row and the small index of running images, whatever the job's size.

        The two are read in one statement, so the four always sum to the total.
        """
        job = Job.with_deleted.with_running().get(pk=self.pk)
        return Counts(job.total, job.pending, job.running, job.completed, job.failed)
