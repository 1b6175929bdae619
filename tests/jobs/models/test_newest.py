"""Are the newest jobs of a team found, however many others have, and whatever the statistics?"""

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.models import Team
from jobs.models import Job
from jobs.models.newest import newest

pytestmark = pytest.mark.django_db

MEMBERS, OWN_JOBS, OTHERS_JOBS = 20, 40, 8_000
STATISTICS = {
    "of other rows": [],
    "of no rows": ["UPDATE pg_class SET reltuples = 0, relpages = 1 WHERE relname = 'jobs_job'"],
    "none": [
        "UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relname = 'jobs_job'",
        "DELETE FROM pg_statistic WHERE starelid = 'jobs_job'::regclass",
    ],
    "right": ["ANALYZE jobs_job"],
}
# Job after job, of one owner after the other.
FILL = """
    INSERT INTO jobs_job (owner_id, status, on_error, priority, total, completed, failed, canceled, store_errors,
        finished_at)
    SELECT (%s::int[])[1 + n %% %s], 'completed', 'continue', 0, 1, 1, 0, 0, '[]', now()
    FROM generate_series(1, %s) AS n
"""


def make_users(count: int, name: str) -> list[User]:
    return User.objects.bulk_create([User(username=f"{name}{number}") for number in range(count)])


def fill(users: list[User], jobs: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(FILL, [[user.pk for user in users], len(users), jobs])


@pytest.fixture
def member():
    """Of a team whose jobs are all older than those of the others."""
    members, others = make_users(MEMBERS, "member"), make_users(100, "other")
    Team.objects.create(name="north").change_members(add=members)
    fill(members, OWN_JOBS)
    fill(others, OTHERS_JOBS)
    return members[0]


def ids_of(user: User) -> list[int]:
    return list(Job.objects.visible_to(user).order_by("-pk").values_list("pk", flat=True))


@pytest.mark.parametrize("statistics", STATISTICS)
def test_no_job_of_others_is_read(member, statistics):
    for statement in STATISTICS[statistics]:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    with CaptureQueriesContext(connection) as asked:
        found = list(newest(Job.objects.with_running(), member, 30))
    assert [job.pk for job in found] == list(
        Job.objects.visible_to(member).order_by("-pk").values_list("pk", flat=True)[:30]
    )
    reading = [each["sql"] for each in asked if "jobs_job" in each["sql"]]
    assert len(reading) == 2
    for sql in reading:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF) {sql}")
            plan = "\n".join(row for (row,) in cursor.fetchall())
        assert sum(map(int, re.findall(r"Rows Removed by (?:Index Recheck|Filter): (\d+)", plan))) <= OWN_JOBS, plan


def test_pages_follow_each_other_without_a_gap(member, client):
    client.force_login(member)
    found, cursor = [], {}
    while True:
        page = client.get("/api/v1/jobs", {"limit": 7, **cursor}).json()
        found += [job["id"] for job in page["results"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == ids_of(member)
    assert len(found) == OWN_JOBS


def test_a_page_of_jobs_shows_the_same(member, client):
    client.force_login(member)
    text = client.get("/jobs/").text
    own = Job.objects.filter(owner=member).values_list("pk", flat=True)
    assert all(f"/jobs/{pk}/" in text for pk in own)
    assert len(set(re.findall(r"/jobs/(\d+)/", text))) == OWN_JOBS
