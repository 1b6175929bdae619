"""What do the endpoints about areas answer, page by page, and to whom?"""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from insights.areas import MEASURES, VISITS
from insights.periods import first_day
from insights.scope import LONGEST_DAYS, today
from stores.models import Store, StoreGroup
from tests.insights.visits import make_areas, make_visits

pytestmark = pytest.mark.django_db


@pytest.fixture
def get(client):
    anna = User.objects.create_user("anna")
    client.force_login(anna)

    def get(path, status=200, **query):
        answer = client.get(f"/api/v1/{path}", query)
        assert answer.status_code == status, answer.content
        return answer.json()

    get.anna = anna
    return get


def all_pages(get, path, **query):
    found = []
    while True:
        page = get(path, **query)
        found += page["results"]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_the_matrix_of_all_pages_sums_to_the_store_master(get, limit):
    make_areas("A/1", "B", "C", stores=9)
    first = get("areas/matrix", by="category")
    rows = all_pages(get, "areas/matrix", limit=limit)
    assert [row["area"] for row in rows] == ["A/1", "B", "C"]
    assert [sum(cells) for cells in zip(*(row["cells"] for row in rows), strict=True)] == first["total"]
    assert sum(first["total"]) == first["stores"] == Store.objects.count()
    assert (first["areas"], first["columns"][-1]) == (3, "")


def test_the_matrix_counts_a_group_alone(get):
    make_areas("A", "B", stores=9)
    group = StoreGroup.objects.create(name="B's", area="B")
    found = get("areas/matrix", group=group.pk)
    assert [(row["area"], row["stores"]) for row in found["results"]] == [("B", 9)]


def test_with_more_categories_than_columns_the_rest_is_one_column(get, monkeypatch):
    monkeypatch.setattr("api.v1.areas.MOST_COLUMNS", 2)
    make_areas("A", stores=60)
    found = get("areas/matrix")
    assert [column is None for column in found["columns"]] == [False, False, True, False]
    assert sum(found["results"][0]["cells"]) == 60


def test_areas_have_figures_with_intervals_and_verdicts(get):
    make_areas("A", "B", "C")
    make_visits("A", failing=0.3, owner=get.anna.pk)
    make_visits("B", owner=get.anna.pk)
    found = get("areas")
    assert (found["time_zone"], found["too_few"]["areas"]) == ("UTC", 1)
    assert found["as_of"]
    bad, good = found["results"]
    assert [*bad["figures"]] == [*bad["verdicts"]] == [*MEASURES]
    figure = bad["figures"]["failure_rate"]
    assert figure["low"] < figure["value"] == bad["failed"] / bad["images"] < figure["high"]
    assert bad["verdicts"]["failure_rate"] == "above the others"
    assert good["verdicts"]["failure_rate"] == "below the others"


def test_before_the_first_visit_there_is_nothing(get):
    assert get("areas") == {
        "as_of": None, "time_zone": "UTC", "since": None, "until": None,
        "middle": {}, "too_few": None, "results": [], "next_cursor": None,
    }  # fmt: skip
    assert get("trends")["results"] == []
    assert get("areas/matrix")["stores"] == 0


def test_areas_and_trends_come_in_pages(get):
    make_areas("A/1", "B", "C")
    for area in ("A/1", "B", "C"):
        make_visits(area, owner=get.anna.pk)
    assert [row["area"] for row in all_pages(get, "areas", limit=1)] == ["A/1", "B", "C"]
    assert [row["name"] for row in all_pages(get, "trends", limit=2)] == ["A/1", "B", "C"]


def test_a_page_may_end_behind_stores_without_a_category(get):
    make_areas("A", stores=30)
    make_visits("A", stores=30, owner=get.anna.pk)
    names = [row["name"] for row in all_pages(get, "trends", by="category", limit=1)]
    assert names == sorted(names)
    assert names[0] == ""


def test_trends_have_a_band_and_the_running_week_is_not_judged(get):
    make_areas("A", stores=30)
    make_visits("A", stores=30, owner=get.anna.pk, fewer=(2,))
    (row,) = get("trends", measure=VISITS, weeks=13)["results"]
    assert len(row["weeks"]) == 13
    assert row["band"]["low"] < row["band"]["usual"] < row["band"]["high"]
    assert [week["monday"] for week in row["weeks"] if week["is_unusual"]] == [
        (first_day(1) - timedelta(days=14)).isoformat()
    ]
    assert row["weeks"][-1]["why"] == "running"


def test_who_is_not_staff_is_told_of_their_own_jobs_alone(get):
    make_areas("A", "B", stores=30)
    hers = make_visits("A", stores=30, owner=get.anna.pk)
    make_visits("A", stores=30, owner=get.anna.pk + 1)
    make_visits("B", stores=30, owner=get.anna.pk + 1)
    found = get("areas")
    assert [(row["area"], row["visits"]) for row in found["results"]] == [("A", hers)]
    assert found["too_few"]["visits"] == 0
    weeks = {row["name"]: sum(week["n"] for week in row["weeks"]) for row in get("trends")["results"]}
    assert weeks == {"A": hers, "B": 0}


@pytest.mark.parametrize("path", ["areas", "trends"])
def test_the_filters_narrow_it(get, path):
    make_areas("A", "B", stores=20)
    for area in "AB":
        make_visits(area, stores=20, owner=get.anna.pk)
    key = "area" if path == "areas" else "name"
    assert [row[key] for row in get(path, area="B")["results"]] == ["B"]
    assert get(path, group=99)["results"] == []
    stores = sum(row["stores"] for row in get(path, category="Bakery")["results"])
    assert stores == Store.objects.in_category("Bakery").count()


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("areas", {"from": "yesterday"}, "from"),
        ("areas", {"from": "2026-02-30"}, "from"),
        ("areas", {"to": "1969-12-31"}, "to"),
        ("areas", {"from": "2026-03-02", "to": "2026-03-01"}, "from"),
        ("areas", {"catgory": "Bakery"}, "catgory"),
        ("areas", {"cursor": "A"}, "cursor"),
        ("areas", {"limit": "0"}, "limit"),
        ("areas/matrix", {"by": "colour"}, "by"),
        ("trends", {"measure": "turnaround_p95"}, "measure"),
        ("trends", {"weeks": "0"}, "weeks"),
        ("trends", {"weeks": "53"}, "weeks"),
        ("trends", {"limit": "101"}, "limit"),
        ("trends", {"group": "0"}, "group"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(get, path, query, name):
    (error,) = get(path, status=400, **query)["errors"]
    assert error["parameter"] == name
    assert error["detail"].startswith(name)


def test_a_period_has_a_longest(get):
    to = today()
    get("areas", **{"from": str(to - timedelta(days=LONGEST_DAYS - 1))})
    get("areas", status=400, **{"from": str(to - timedelta(days=LONGEST_DAYS))})
    get("trends", weeks=52)
