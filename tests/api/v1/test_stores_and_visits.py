"""Reading the store master and its visits."""

from urllib.parse import quote

import pytest
from django.contrib.auth.models import User

from api.v1 import visits as module
from jobs.errors import HTTPStatus
from jobs.models import Job, Visit
from stores.models import Store
from tests.api.payloads import submission, visit, work_off
from tests.api.v1.conftest import assert_problem
from tests.factories import make_staff, make_stores, submit_job, submit_visits

pytestmark = pytest.mark.django_db

# Ids that a store master may hold.
STRANGE = [
    "a/b",
    "a//b",
    "/a",
    "a b",
    "é",
    "100%",
    "a%2Fb",
    "a?b",
    "a#b",
    "a.b",
    "...",
    "a\nb",
    "visits",
    "a;b=c",
    "+",
    "~",
]


def store_ids(response):
    assert response.status_code == 200, response.content
    return [store["store_id"] for store in response.json()["results"]]


def visits_of(response):
    assert response.status_code == 200, response.content
    return [visit["id"] for visit in response.json()["results"]]


def test_stores_are_listed_and_narrowed(v1):
    make_stores("A1", "B2")
    Store.objects.create(store_id="C3", name="Corner", area_code="Z")

    assert store_ids(v1.get("stores")) == ["A1", "B2", "C3"]
    assert store_ids(v1.get("stores", {"area": "Z"})) == ["C3"]
    assert store_ids(v1.get("stores", {"area": ""})) == []
    assert store_ids(v1.get("stores", {"q": "b"})) == ["B2"]
    assert store_ids(v1.get("stores", {"q": "CORN"})) == ["C3"]
    assert store_ids(v1.get("stores", {"q": "%"})) == []
    assert store_ids(v1.get("stores", {"store_id": "A1"})) == ["A1"]
    first = v1.get("stores", {"limit": 2}).json()
    assert store_ids(v1.get("stores", {"limit": 2, "cursor": first["next_cursor"]})) == ["C3"]


@pytest.mark.parametrize("store_id", STRANGE)
@pytest.mark.parametrize("end", ["", "/"])
def test_a_store_is_found_whatever_its_id(v1, store_id, end):
    make_stores(store_id, "a")
    path = f"stores/{quote(store_id, safe='')}"
    found = v1.get(f"{path}{end}")

    assert found.status_code == 200, found.content
    assert found.json()["store_id"] == store_id
    assert visits_of(v1.get(f"{path}/visits{end}")) == []
    submit_visits((store_id, ["http://a/1"]))
    assert visits_of(v1.get(f"{path}/visits{end}")) == [Visit.objects.get().pk]


@pytest.mark.parametrize("store_id", [*STRANGE, ".", "..", "a/", "a/visits"])
def test_every_store_is_found_by_the_lists(v1, store_id):
    make_stores(store_id, "a", "b")
    submit_visits((store_id, ["http://a/1"]))

    found = v1.get("stores", {"store_id": store_id}).json()["results"]
    assert [store["store_id"] for store in found] == [store_id]
    assert visits_of(v1.client.get(found[0]["links"]["visits"])) == [Visit.objects.get().pk]


def test_a_trailing_slash_is_not_part_of_an_id(v1):
    make_stores("a/")
    assert_problem(v1.get("stores/a%2F"), 404, "not-found")


@pytest.mark.parametrize("store_id", ["none", "%00", "%ff", "x" * 5000])
def test_a_missing_store_is_404(v1, store_id):
    make_stores("T-1")
    assert_problem(v1.get(f"stores/{store_id}"), 404, "not-found")
    assert_problem(v1.get(f"stores/{store_id}/visits"), 404, "not-found")


def test_a_visit_counts_its_images_by_state(v1, settings):
    settings.MAX_ATTEMPTS = 1
    make_stores("T-1")
    v1.post("jobs", submission(visit("T-1", "http://a/1", "http://a/2")))
    work_off({"http://a/2": HTTPStatus(404)})
    row = Visit.objects.get()
    assert v1.get("visits").json() == {
        "results": [
            {
                "id": row.pk,
                "job_id": row.job_id,
                "store_id": "T-1",
                "visit_time": "2026-01-31T17:00:00Z",
                "visited_at": "2026-01-31T17:00:00Z",
                "visited_by": "",
                "client_reference": None,
                "metadata": {},
                "counts": {"total": 2, "pending": 0, "running": 0, "completed": 1, "failed": 1},
            }
        ],
        "next_cursor": None,
    }


def test_visits_are_narrowed(v1):
    make_stores("T-1")
    v1.post("jobs", submission(
        visit("T-1", visit_time="2026-01-31T17:00:00Z"), visit("T-1", visit_time="some day"), visit("gone"),
    ))  # fmt: skip
    dated, undated, gone = Visit.objects.order_by("pk").values_list("pk", flat=True)
    Visit.objects.filter(pk=gone).update(visited_at=None)

    def ask(**query):
        return visits_of(v1.get("visits", query))

    assert ask() == [dated, undated, gone]
    assert ask(store="T-1") == [dated, undated]
    assert ask(area="A-1") == [dated, undated]
    assert ask(area="") == [gone]
    assert ask(**{"from": "2026-01-31", "to": "2026-01-31"}) == [dated]
    assert ask(**{"from": "2026-02-01"}) == []
    assert ask(to="2026-01-30") == []
    assert visits_of(v1.get("stores/T-1/visits", {"from": "2026-01-31"})) == [dated]
    problem = assert_problem(v1.get("visits", {"from": "soon", "to": "later"}), 400, "invalid-request")
    assert [error["parameter"] for error in problem["errors"]] == ["from", "to"]


def test_visits_of_other_peoples_jobs_are_not_shown(v1, as_user):
    make_stores("T-1")
    submit_job()
    Job.objects.update(owner=User.objects.create_user("other"))
    assert visits_of(v1.get("visits")) == []
    assert visits_of(v1.get("stores/T-1/visits")) == []
    assert len(visits_of(as_user(make_staff("view_job")).get("visits"))) == 1


@pytest.mark.parametrize("count", [2, 30])
def test_a_page_of_visits_costs_the_same_for_few_and_many(v1, django_assert_num_queries, count):
    submit_visits(*(("T-1", [f"http://a/{number}"]) for number in range(count)))
    with django_assert_num_queries(3):
        assert len(visits_of(v1.get("visits"))) == count


@pytest.mark.parametrize("most", [1, 3, 4, 100])
def test_a_page_of_visits_ends_early_where_they_have_many_images(v1, monkeypatch, most):
    monkeypatch.setattr(module, "MOST_IMAGES", most)
    submit_visits(*(("T-1", [f"http://a/{number}/{image}" for image in range(3)]) for number in range(4)))
    listed, cursor, pages = [], {}, 0
    while True:
        answer = v1.get("visits", {"limit": 3, **cursor}).json()
        listed += answer["results"]
        pages += 1
        if answer["next_cursor"] is None:
            break
        cursor = {"cursor": answer["next_cursor"]}
    assert [row["id"] for row in listed] == list(Visit.objects.order_by("pk").values_list("pk", flat=True))
    assert {row["counts"]["total"] for row in listed} == {3}
    assert pages == {1: 4, 3: 4, 4: 2, 100: 2}[most]
