from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import models
from django.db.models import F, Func, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Coalesce, Extract, Left, Lower, Now

from jobs.errors import UnknownStore, retryable_codes
from jobs.models.expressions import Behind
from jobs.models.image_filter import ImageFilter
from jobs.models.job import Job
from jobs.models.locks import LocksMixin
from jobs.models.update_from import UpdateFromMixin
from jobs.models.visit import Visit, area_of, place_in_group
from jobs.states import ImageState

MAX_HOST = 255
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The host of a URL as a person would read it, for grouping and filtering; `imaging` parses what is fetched.
# PostgreSQL's `substring` returns the one group in parentheses.
_HOST = r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#\\]*@)?(\[[^]/?#]*\]|[^/?#:\\]*)"

# Of images `with_area`.
_OF_UNKNOWN_STORE = Q(("area__isnull", True))


class ImageResultQuerySet(UpdateFromMixin, LocksMixin, models.QuerySet["ImageResult"]):
    def of_jobs_there(self) -> ImageResultQuerySet:
        """The images of jobs that are not deleted."""
        return self.exclude(job__in=Job.with_deleted.deleted().values("pk"))

    def ready(self) -> ImageResultQuerySet:
        """Images in the common line, which a worker may claim now."""
        return self.filter(state=ImageState.PENDING, run_after__isnull=True, held=False, waits_for="")

    def waiting(self) -> ImageResultQuerySet:
        """Images between two attempts."""
        return self.filter(state=ImageState.PENDING, run_after__isnull=False)

    def deferred(self) -> ImageResultQuerySet:
        """Images that are ready, but whose host is at its limit."""
        return self.filter(state=ImageState.PENDING, held=False).exclude(waits_for="")

    def in_lane(self, lane: Any) -> ImageResultQuerySet:
        """Images that wait for the same, see `waits_for`."""
        return self.deferred().filter(waits_for=lane)

    def held(self) -> ImageResultQuerySet:
        """Images that wait for another image of their store."""
        return self.filter(state=ImageState.PENDING, held=True)

    def pending(self) -> ImageResultQuerySet:
        return self.filter(state=ImageState.PENDING)

    def running(self) -> ImageResultQuerySet:
        return self.filter(state=ImageState.RUNNING)

    def completed(self) -> ImageResultQuerySet:
        return self.filter(state=ImageState.COMPLETED)

    def failed(self) -> ImageResultQuerySet:
        return self.filter(state=ImageState.FAILED)

    def in_order_of(self, job_id: int) -> ImageResultQuerySet:
        """The job's images in submission order, to be read page by page."""
        # Written so that only the index of (job, id) gives this order: for `job = 7 ORDER BY id` the planner likes to
        # go through the images of all jobs by their ids, until it has found enough of this one's.
        return self.filter(job_id__gte=job_id, job_id__lte=job_id).order_by("job_id", "pk")

    def unfinished(self) -> ImageResultQuerySet:
        """Images without a final outcome."""
        return self.filter(state__in=[ImageState.PENDING, ImageState.RUNNING])

    def matching(self, image_filter: ImageFilter) -> ImageResultQuerySet:
        images = self
        if image_filter.state is not None:
            images = images.filter(state=image_filter.state)
        if image_filter.code is not None:
            # The code implies it, but only the state opens the small index of failed images.
            images = images.failed().filter(error_code=image_filter.code)
        if image_filter.host is not None:
            images = images.filter(host=image_filter.host)
        if image_filter.store is not None:
            images = images.of_store(image_filter.store)
        if image_filter.area is not None:
            images = images.with_area()
            area = image_filter.area
            images = images.filter(("area", area)) if area else images.filter(_OF_UNKNOWN_STORE)
        if image_filter.group is not None:
            place = place_in_group("visit__store_id", image_filter.group)
            images = images.alias(in_group=place).filter(in_group__isnull=False)
        return images

    def of_store(self, store_id: str) -> ImageResultQuerySet:
        """Images of a store's visits; each visit is looked up by its key, as stores are in `area_of`."""
        store = Subquery(Visit.objects.filter(pk=OuterRef("visit")).values("store_id")[:1])
        return self.alias(store=store).filter(store=store_id)

    def with_area(self) -> ImageResultQuerySet:
        """Images that can be filtered by the `area` of their store, null where the store master does not have it."""
        return self.alias(area=area_of("visit__store_id"))

    def of_unknown_stores(self) -> ImageResultQuerySet:
        """Images that failed because their store was unknown, and still is."""
        return self.failed().with_area().filter(_OF_UNKNOWN_STORE, error_code=UnknownStore.code)

    def retryable(self) -> ImageResultQuerySet:
        """Failed images that a person's retry can help, by their code or because their store is known by now."""
        known = Q(~_OF_UNKNOWN_STORE, error_code=UnknownStore.code)
        return self.failed().with_area().filter(Q(error_code__in=retryable_codes()) | known)

    def held_by(self, worker_id: Any) -> ImageResultQuerySet:
        """Images that this worker has claimed and not yet recorded."""
        return self.running().filter(claimed_by=worker_id)

    def behind(self, rank: Any, image_id: Any) -> ImageResultQuerySet:
        """Images that come after this place in the order of ranks."""
        return self.filter(Behind("rank", "id", rank, image_id))

    def first_in_rank(self, limit: int) -> ImageResultQuerySet:
        """The next in rank, locked for a claim; those that others are claiming at this moment are passed over."""
        return self.order_by("rank", "id").skipping_locked()[:limit]

    def skipping_locked(self) -> ImageResultQuerySet:
        return self.select_for_update(no_key=True, skip_locked=True)

    def locked(self) -> ImageResultQuerySet:
        """These rows, locked in the order of their ids: so do all who lock several, and wait for no one in a circle."""
        return self.order_by("id").select_for_update(of=("self",), no_key=True)

    def with_waited(self) -> ImageResultQuerySet:
        """Images that know in `waited` the seconds since their host first refused them at no cost, or 0."""
        since = Cast(Extract(Now() - F("waits_since"), "epoch"), models.FloatField())
        return self.annotate(waited=Coalesce(since, 0.0))


class ImageResult(models.Model):
    """One image of one visit: the unit of work, the queue's row and the result in one.

    Three numbers with three meanings: `claim_no` is the fence and rises with every claim; `attempts` counts
    finished attempts against MAX_ATTEMPTS; `crashes` counts rescues against MAX_CRASHES.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="images", db_index=False)
    visit = models.ForeignKey(Visit, on_delete=models.CASCADE, related_name="images", db_index=False)
    url = models.CharField(max_length=2048)
    # In lower case, without the port; empty where the URL names none.
    host = models.GeneratedField(
        expression=Left(Lower(Coalesce(Func(F("url"), Value(_HOST), function="substring"), Value(""))), MAX_HOST),
        output_field=models.CharField(max_length=MAX_HOST),
        db_persist=True,
    )

    state = models.CharField(max_length=16, choices=ImageState, default=ImageState.PENDING)
    # Seconds since 1970: when its turn comes, see `queue/rank.py`.
    rank = models.FloatField()
    run_after = models.DateTimeField(null=True, blank=True)
    # When it last became ready, whatever its rank; those ready for the longest tell how far behind the workers are.
    ready_since = models.DateTimeField(db_default=Now(), editable=False)
    held = models.BooleanField(default=False)
    # What a pending image that could not begin waits for: room at its host ("photos.example:443"), or, as "*7", room
    # for what job 7 asks of hosts that have not answered yet. See `queue/lanes.py`.
    waits_for = models.CharField(max_length=262, default="", db_default="", blank=True, db_collation="C")
    # When its host first refused it at no cost; for HOST_PATIENCE_SECONDS from then on, refusals cost no attempt.
    waits_since = models.DateTimeField(null=True, blank=True)
    claimed_by = models.BigIntegerField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    claim_no = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    crashes = models.PositiveIntegerField(default=0)
    generation = models.PositiveIntegerField(default=0)

    # What the rule of the store's category asked for when the image was submitted, or last retried; null is nothing.
    min_width = models.IntegerField("smallest width", null=True, blank=True)
    min_height = models.IntegerField("smallest height", null=True, blank=True)
    # Part of `rank`, in steps of priority.
    category_priority = models.SmallIntegerField(null=True, blank=True)

    # Of a failed image too, where its size is why it failed.
    width = models.PositiveBigIntegerField(null=True, blank=True)
    height = models.PositiveBigIntegerField(null=True, blank=True)
    perimeter = models.PositiveBigIntegerField(null=True, blank=True)
    format = models.CharField(max_length=16, blank=True, default="")
    bytes = models.PositiveBigIntegerField(null=True, blank=True)
    gpu_result = models.JSONField(null=True, blank=True)
    error_code = models.CharField(max_length=32, blank=True, default="")
    error_message = models.CharField(max_length=500, blank=True, default="")
    fetch_ms = models.PositiveIntegerField(null=True, blank=True)
    measure_ms = models.PositiveIntegerField(null=True, blank=True)
    gpu_ms = models.PositiveIntegerField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ImageResultQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state=ImageState.COMPLETED,
                    width__gte=1,
                    height__gte=1,
                    perimeter=2 * (F("height") + F("width")),
                    error_code="",
                    finished_at__isnull=False,
                )
                | (Q(state=ImageState.FAILED, perimeter=None, finished_at__isnull=False) & ~Q(error_code=""))
                | Q(
                    state__in=[ImageState.PENDING, ImageState.RUNNING],
                    perimeter=None,
                    error_code="",
                    finished_at=None,
                ),
                name="image_outcome_follows_state",
            ),
            models.CheckConstraint(
                condition=~Q(state=ImageState.RUNNING)
                | Q(claimed_by__isnull=False, claimed_at__isnull=False, run_after=None, held=False),
                name="image_running_is_claimed",
            ),
            models.CheckConstraint(
                condition=Q(waits_for="") | Q(state=ImageState.PENDING, run_after=None),
                name="image_only_ready_ones_wait_for_a_host",
            ),
        ]
        indexes = [
            models.Index(fields=["job", "id"], name="image_of_job"),
            models.Index(fields=["visit", "id"], name="image_of_visit"),
            models.Index(
                fields=["rank", "id"],
                condition=Q(state=ImageState.PENDING, run_after=None, held=False, waits_for=""),
                name="image_ready",
            ),
            # Every image meets the last condition, and a claim does not ask for it: else the planner, where it believes
            # that little is ready, could read all that is ready from here for each claim, and sort it by rank.
            models.Index(
                fields=["ready_since"],
                condition=Q(state=ImageState.PENDING, run_after=None, held=False, waits_for="", ready_since__gt=EPOCH),
                name="image_oldest_ready",
            ),
            models.Index(
                fields=["waits_for", "rank", "id"],
                condition=Q(state=ImageState.PENDING, held=False) & ~Q(waits_for=""),
                name="image_deferred",
            ),
            models.Index(
                fields=["waits_for", "job", "rank"],
                condition=Q(state=ImageState.PENDING, held=False) & ~Q(waits_for=""),
                name="image_deferred_by_job",
            ),
            models.Index(
                fields=["job", "waits_for"],
                condition=Q(state=ImageState.PENDING, held=False) & ~Q(waits_for=""),
                name="image_deferred_of_job",
            ),
            models.Index(
                fields=["run_after"],
                condition=Q(state=ImageState.PENDING, run_after__isnull=False),
                name="image_waiting",
            ),
            models.Index(fields=["claimed_by", "id"], condition=Q(state=ImageState.RUNNING), name="image_running"),
            models.Index(fields=["job"], condition=Q(state=ImageState.RUNNING), name="image_running_of_job"),
            # What a store goes on with under `stop_store`. Its condition has no column that the others lack, so that no
            # update is dearer by it but that of a held image.
            models.Index(fields=["visit", "id"], condition=Q(state=ImageState.PENDING, held=True), name="image_held"),
            # The recent throughput of the service, and of a job.
            models.Index(
                fields=["finished_at"],
                include=["state", "error_code"],
                condition=Q(finished_at__isnull=False),
                name="image_finished",
            ),
            models.Index(
                fields=["job", "finished_at"],
                include=["state", "error_code"],
                condition=Q(finished_at__isnull=False),
                name="image_finished_of_job",
            ),
            models.Index(
                fields=["job", "error_code"], condition=Q(state=ImageState.FAILED), name="image_failed_of_job"
            ),
        ]

    def __str__(self) -> str:
        return f"Image {self.pk}"

    @property
    def retryable(self) -> bool:
        """Whether a person's retry may help, by the code alone."""
        return self.error_code in retryable_codes()
