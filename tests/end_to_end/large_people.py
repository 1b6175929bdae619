"""Who may not read all jobs of the large database, and what they ask for; `test_large_database.py` has the bounds."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import connection

from jobs.models import ImageResult, Job, Visit
from jobs.states import JobOutcome, JobState
from proofs.world.large import BUSY_STORE, SMALL_AREA, SMALL_STORE, TABLES
from stores.models import Store, StoreGroup
from tests.factories import make_teammate

# What rows are read from: these tables, in their order or in that of their indexes.
_READ = """
    SELECT sum(pg_stat_get_xact_tuples_returned(relation))::bigint FROM (
        SELECT oid FROM pg_class WHERE relname = ANY (%(tables)s)
        UNION ALL
        SELECT indexrelid FROM pg_index WHERE indrelid::regclass::text = ANY (%(tables)s)
    ) AS of_tables (relation)
"""
# What knows whose it is without its job.
_OWNED = ("insights_visitsummary", "photos_fingerprint", "photos_finding", "photos_visitlook")
_OWN = "UPDATE {table} SET owner_id = job.owner_id FROM jobs_job job WHERE job.id = job_id AND job.owner_id > 0"
_OWN_BATCHES = (
    "UPDATE jobs_finishedbatch SET owner = job.owner_id FROM jobs_job job WHERE job.id = job_id AND owner_id > 0"
)


@dataclass(frozen=True, slots=True)
class Person:
    """`jobs` are those that they may read, and a page of theirs reads at most `most_read` rows."""

    user: User
    jobs: list[int]
    most_read: int

    @property
    def visits(self) -> list[int]:
        return list(Visit.objects.filter(job__in=self.jobs).order_by("job", "pk").values_list("pk", flat=True))


def people(rows) -> list[Person]:
    """The owner of two small jobs, one of the first and one of later ones; and who is in a team with the owner of the
    largest job and a small one, and has none."""
    owner, busy = User.objects.create_user("owner"), User.objects.create_user("busy")
    mate = make_teammate("busy")
    small = list(Job.objects.order_by("pk").values_list("pk", flat=True)[:9:4])
    for user, jobs in ((owner, small[:2]), (busy, [small[2], rows.failed_job])):
        Job.objects.filter(pk__in=jobs).update(owner=user)
    with connection.cursor() as cursor:
        for statement in (*(_OWN.format(table=table) for table in _OWNED), _OWN_BATCHES):
            cursor.execute(statement)
    # A page may read all visits of a store, or all findings, whoever may see them, once; the job of the other has
    # thousands, each with its store.
    return [Person(owner, small[:2], 16_000), Person(mate, [small[2], rows.failed_job], 36_000)]


def rows_read() -> int:
    """So far in this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, {"tables": list(TABLES)})
        (number,) = cursor.fetchone()
    return number


def pages_of(person: Person, group: StoreGroup):
    """What is narrowed by what they may read; of other pages, a superuser reads at least as much."""
    job = person.jobs[-1]
    busy, small, few = (Store.objects.get(store_id=each).pk for each in (BUSY_STORE, SMALL_STORE, "K-7"))
    visit, image = Visit.objects.filter(job=job)[0].pk, ImageResult.objects.filter(job=job)[0].pk
    areas = ("area=AREA-1", f"area={SMALL_AREA}", f"group={group.pk}")
    yield from (f"/jobs/?{asked}" for asked in ("", "q=K-0", "q=K-7", "q=busy", "stage=queued", "stage=completed"))
    yield from (f"/api/v1/jobs?{asked}" for asked in ("", "store=K-0", "owner=busy", "created_from=2020-01-01"))
    yield from (f"/api/v1/jobs?state={JobState.RUNNING}", f"/api/v1/jobs?outcome={JobOutcome.FAILED}")
    for asked in ("", "limit=900", "store=K-0", "from=2026-11-27", "to=2026-11-26", "finding=blurred", *areas):
        yield f"/api/v1/visits?{asked}"
    yield from ("/api/v1/visits?finding=same_photo_other_store", "/api/v1/stores/K-7/visits?finding=blurred")
    yield from (
        f"/api/visits?{asked}" for asked in ("limit=1", "storeid=K-0", "startdate=2026-11-27&limit=5", areas[0])
    )
    for asked in ("", "finding=dark", "finding=blurred&limit=1000", "store=K-0", "finding=blurred&store=K-7"):
        yield f"/api/v1/findings?{asked}"
    yield from (f"/api/v1/findings?finding=blurred&job={each}" for each in (job, person.jobs[0]))
    yield from (f"/api/v1/needs-a-look?{asked}" for asked in ("", "judged=true", "reason=name_not_seen", areas[1]))
    yield from ("/photos/", "/api/v1/finding-kinds", "/api/v1/results?limit=1000", "/api/v1/results?after=latest")
    yield "/api/v1/results/export?from=2020-01-01&to=2026-11-26"
    yield from (f"/stores/{store}/{part}" for store in (busy, small, few) for part in ("", "photos/"))
    yield from (f"/jobs/{job}/{part}" for part in ("photos/", "photos/?store=K-7", f"images/{image}/"))
    yield from (f"/api/v1/jobs/{job}/images?{asked}" for asked in ("finding=blurred", "store=K-7"))
    yield from (f"/visits/{visit}/photos/", f"/api/v1/jobs/{job}/images/{image}/evidence")
    for asked in ("", areas[1]):
        yield from (f"/{path}/?{asked}" for path in ("visits", "visits/list", "visits/unvisited", "problems"))
        yield from (f"/api/v1/{path}?{asked}" for path in ("rhythm/unvisited-stores", "areas", "trends"))
    yield from ("/alerts/", "/api/v1/alerts?limit=1000", "/areas/", "/jobs/forecasts/")
