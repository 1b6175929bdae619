"""Are the few visits that somebody may read found among very many others, whatever the planner believes?"""

from itertools import chain

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from jobs.models import Visit, readable_visits
from jobs.models.readable_visits import MOST_JOBS, Period
from stores.models import Store
from tests.api.v1.test_references_in_many_visits import BELIEFS, FILL, JOBS, asked, read
from tests.end_to_end.test_large_database import run
from tests.factories import make_teammate, submit_visits

pytestmark = pytest.mark.django_db

OWN_JOBS, OWN_VISITS, VISITS = 4, 10, 20_000
# Nothing near the others' visits; of a table as small as that of references or jobs all, in some statements.
MOST_READ = 2 * JOBS
PAGES = [
    "/api/v1/visits",
    "/api/v1/visits?limit=1000",
    "/api/v1/visits?area=A-1",
    "/api/v1/visits?area=",
    "/api/v1/visits?finding=blurred",
    "/api/v1/visits?from=2020-01-01",
    "/api/v1/visits?to=2020-01-01",
    "/api/v1/findings",
    "/api/v1/needs-a-look",
    "/api/visits",
    "/api/visits?limit=1",
    "/api/visits?area=A-1",
    "/api/visits?startdate=2020-01-01",
    "/api/visits?startdate=2020-01-01&enddate=2020-02-01",
]


@pytest.fixture
def owner():
    """Of jobs before and behind those of others: jobs of two and of three visits."""
    owner, other = User.objects.create_user("owner"), User.objects.create_user("other")
    run(FILL, {"owner": other.pk, "visits": VISITS, "jobs": JOBS})
    run("SELECT setval('jobs_job_id_seq', %s), setval('jobs_visit_id_seq', %s)", [JOBS, VISITS])
    run("SELECT setval('jobs_imageresult_id_seq', %s)", [VISITS])
    for number in range(OWN_JOBS):
        submit_visits(*((f"T-{n}", [f"http://a.test/{n}"]) for n in range(2 + number % 2)), owner=owner)
    Store.objects.filter(store_id="T-1").update(area_code="A-1")
    first = Visit.objects.filter(job__owner=owner).order_by("pk").first()
    run("UPDATE jobs_visit SET visited_at = now() WHERE id >= %s", [first.pk])
    return owner


def believing():
    """Each belief in turn, until the transaction is rolled back."""
    for belief, statements in BELIEFS.items():
        with transaction.atomic():
            for statement in statements:
                run(statement, {})
            yield belief
            transaction.set_rollback(True)


def test_ten_visits_among_thousands_are_read_and_few_others(owner, client):
    mate = make_teammate("owner")
    expected = list(Visit.objects.filter(job__owner=owner).order_by("pk").values_list("pk", flat=True))
    assert len(expected) == OWN_VISITS
    for user in (owner, mate):
        client.force_login(user)
        for belief in believing():
            for page in PAGES:
                rows = read(asked(client, page))
                assert rows <= MOST_READ, (belief, user, page, rows)
            found = client.get("/api/v1/visits").json()
            assert [visit["id"] for visit in found["results"]] == expected
            assert found["next_cursor"] is None


def pages(user, limit=3, visits=None, **narrowed):
    found, after = [], 0
    while after is not None:
        rows, after = readable_visits.page(
            Visit.objects.all() if visits is None else visits, user, after=after, limit=limit, **narrowed
        )
        found.append([visit.pk for visit in rows])
    return found


@pytest.fixture
def others_between():
    """Two owners in turn, each of whose jobs has from one to three visits."""
    users = [User.objects.create_user(name) for name in ("owner", "other")]
    for number in range(12):
        submit_visits(*((f"T-{n}", ["http://a.test/1"]) for n in range(1 + number % 3)), owner=users[number % 2])
    return users[0]


def own(user):
    return list(Visit.objects.filter(job__owner=user).order_by("job", "pk").values_list("pk", flat=True))


@pytest.mark.parametrize("limit", [1, 2, 3, 11, 12, 13])
def test_pages_follow_each_other_without_a_gap(others_between, limit):
    found = pages(others_between, limit, is_narrowed=False)
    assert list(chain(*found)) == own(others_between)
    assert {len(page) for page in found[:-1]} <= {limit}
    assert found[-1]


@pytest.mark.parametrize(("most_jobs", "most"), [(1, 20), (2, 20), (MOST_JOBS, 1), (MOST_JOBS, 2), (2, 3), (6, 12)])
def test_a_narrowed_page_looks_at_so_many_and_the_next_one_goes_on_there(others_between, monkeypatch, most_jobs, most):
    monkeypatch.setattr(readable_visits, "MOST_JOBS", most_jobs)
    monkeypatch.setattr(readable_visits, "MOST_LOOKED_AT", most)
    found = pages(others_between, visits=Visit.objects.filter(store_id="T-2"))
    of_store = set(Visit.objects.filter(store_id="T-2").values_list("pk", flat=True))
    assert list(chain(*found)) == [pk for pk in own(others_between) if pk in of_store]
    assert len(found) > 1


@pytest.mark.parametrize("most", [2, 20])
def test_a_short_period_is_read_as_a_whole_and_a_long_one_job_by_job(others_between, monkeypatch, most):
    monkeypatch.setattr(readable_visits, "MOST_JOBS", 1)
    monkeypatch.setattr(readable_visits, "MOST_LOOKED_AT", most)
    run("UPDATE jobs_visit SET visited_at = '2026-01-01'::timestamptz + id % 7 * interval '1 day'", {})
    some = Visit.objects.filter(job__owner=others_between).order_by("visited_at")
    period = Period(some[4].visited_at, some[10].visited_at)
    within = period.narrow(Visit.objects.filter(job__owner=others_between)).values_list("pk", flat=True)
    found = pages(others_between, limit=100, period=period)
    assert sorted(chain(*found)) == sorted(within)
    assert (len(found) == 1) is (most == 20)


def test_a_page_begins_again_with_the_visit_that_was_left_unfinished(others_between):
    visits = own(others_between)
    rows, after = readable_visits.page(Visit.objects.all(), others_between, after=visits[2], again=True, limit=2)
    assert [visit.pk for visit in rows] == visits[2:4]
    assert after == visits[3]


def test_pages_go_on_where_the_last_visit_has_gone_with_its_job(others_between):
    visits = own(others_between)
    rows, after = readable_visits.page(Visit.objects.all(), others_between, after=0, limit=3)
    gone = rows[-1].job_id
    left = [pk for pk in visits if pk > after and Visit.objects.get(pk=pk).job_id != gone]
    Visit.objects.get(pk=after).job.delete()
    rows, _ = readable_visits.page(Visit.objects.all(), others_between, after=after, limit=100)
    assert [visit.pk for visit in rows] == left
