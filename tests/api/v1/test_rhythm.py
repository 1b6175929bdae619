"""How often stores are visited, over the API."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from insights.scope import today
from tests.api.v1.conftest import assert_problem
from tests.insights.summaries import store, visits

pytestmark = pytest.mark.django_db


def test_it_says_how_often_between_when_and_of_how_many(v1):
    store("S1", "N"), store("S/2", "N")
    visits("S1", range(0, 90, 2))
    visits("S1", [0])
    found = v1.get("rhythm", {"area": "N"}).json()
    assert (found["stores"], found["visits"], found["unvisited"], found["time_zone"]) == (2, 46, 1, "UTC")
    assert found["median_gap"] == {"value": 2, "low": 2, "high": 2, "n": 44}
    assert found["visits_per_store_week"]["value"] == pytest.approx(1.8, rel=0.1)
    assert sum(sum(day) for day in found["hour_of_week"]) == sum(day[12] for day in found["hour_of_week"]) == 46
    assert [each["visits"] for each in found["repeats"]] == [2]
    assert [each for each in found["gaps"] if each["gaps"]] == [{"least": 2, "most": 2, "gaps": 44}]


def test_a_store_is_named_by_the_query_whatever_its_id(v1):
    store("S/1/visits")
    visits("S/1/visits", [1, 2])
    assert v1.get("rhythm", {"store": "S/1/visits"}).json()["visits"] == 2
    assert v1.get("rhythm", {"store": "S"}).json()["visits"] == 0


def test_without_visits_nothing_is_made_up(v1):
    found = v1.get("rhythm").json()
    assert found["visits_per_store_week"] == found["median_gap"] == {"value": None, "n": 0, "why": "too_few"}
    assert (found["as_of"], found["stores"], found["repeats"]) == (None, 0, [])


def test_stores_that_were_not_visited_come_page_by_page(v1):
    for number in range(3):
        store(f"S{number}")
    visits("S1", [1])
    first = v1.get("rhythm/unvisited-stores", {"limit": 1}).json()
    rest = v1.get("rhythm/unvisited-stores", {"limit": 1, "cursor": first["next_cursor"]}).json()
    assert [row["store_id"] for row in first["results"] + rest["results"]] == ["S0", "S2"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("path", ["rhythm", "rhythm/unvisited-stores"])
def test_it_is_of_the_visits_that_one_may_see(as_user, person, path):
    boss = User.objects.create_superuser("boss")
    store("S1")
    visits("S1", range(3), owner_id=boss.pk)
    theirs, all_ = (as_user(user).get(path).json() for user in (person, boss))
    if path == "rhythm":
        assert (theirs["visits"], all_["visits"]) == (0, 3)
        assert not any(map(any, theirs["hour_of_week"]))
    else:
        assert (len(theirs["results"]), len(all_["results"])) == (1, 0)


@pytest.mark.parametrize("path", ["rhythm", "rhythm/unvisited-stores"])
@pytest.mark.parametrize(
    ("query", "is_right"),
    [
        ("from=2026-01-01&to=2027-01-01", True),
        ("from=2026-01-01&to=2027-01-02", False),
        ("from=2026-01-02&to=2026-01-01", False),
        ("from=2026-02-30", False),
        ("aera=N", False),
        ("group=x", False),
        ("group=7", True),
    ],
)
def test_what_cannot_be_read_is_refused(v1, path, query, is_right):
    response = v1.get(f"{path}?{query}")
    assert response.status_code == 200 if is_right else assert_problem(response, 400, "invalid-request")


def test_the_period_has_both_of_its_days(v1):
    visits("S1", [0, 1, 2])
    day = today() - timedelta(days=1)
    assert v1.get("rhythm", {"from": day, "to": day}).json()["visits"] == 1
