"""What do the pages about visits show: how often, each visit, stores not visited, and a store's own?"""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from insights.scope import today
from stores.models import Category, Store, StoreGroup
from tests.dashboard.conftest import HOSTILE
from tests.factories import submit_job
from tests.insights.summaries import noon, store, visit, visits

pytestmark = pytest.mark.django_db

PATHS = ["/visits/", "/visits/list/", "/visits/unvisited/"]


@pytest.mark.parametrize("path", PATHS)
def test_with_an_empty_database_every_page_says_so(page, path):
    answer = page.get(path)
    assert answer.status_code == 200
    assert "No visit has been summed yet" in answer.text
    assert "UTC" in answer.text


def test_it_says_how_often_with_interval_and_number(page, anna):
    store("S1"), store("S2")
    visits("S1", [*range(0, 90, 3), 0], owner_id=anna.pk)
    text = page.get("/visits/").text
    assert "n = 31 visits" in text
    assert "too few: 29 gaps, it takes 30" in text
    assert "29 gaps between two visits of one store" in text
    assert "of 2 in the store master" in text
    assert "Most on" in text
    assert 'class="number">2</td>' in text  # the repeat


def test_each_visit_is_listed_latest_first_page_by_page(page, anna):
    store("S1")
    job = submit_job(1, owner=anna)
    for number in range(51):
        # Several at one instant: the list goes on by their ids.
        at = noon(today()) - timedelta(days=number // 2)
        visit("S1", at, visit_id=number + 1, job_id=job.pk if number else job.pk + 1, owner_id=anna.pk)
    first = page.get("/visits/list/")
    rest = page.get("/visits/list/", {"before": first.context["next"]})
    listed = [row.visit_id for answer in (first, rest) for row, _ in answer.context["visits"]]
    assert listed == [*(number + step for number in range(1, 50, 2) for step in (1, 0)), 51]
    assert len(first.context["visits"]) == 50
    assert rest.context["next"] is None
    assert f"/jobs/{job.pk}/" in first.text
    assert f"Job {job.pk + 1}, deleted" in first.text


@pytest.mark.parametrize("before", ["x", "1", "9" * 16 + "-1", "-", "1-" + "9" * 18])
def test_a_place_that_is_none_is_the_first_page(page, before):
    assert page.get("/visits/list/", {"before": before}).status_code == 200


def test_stores_without_a_visit_are_listed_page_by_page(page, anna):
    for number in range(53):
        store(f"S{number:02}")
    visits("S01", [1], owner_id=anna.pk)
    first = page.get("/visits/unvisited/")
    rest = page.get("/visits/unvisited/", {"after": first.context["found"].after})
    assert "52 of 53 stores had no visit" in first.text
    assert [each.store_id for each in rest.context["found"].stores] == ["S51", "S52"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"area": "N"}, {"S1"}),
        ({"category": "Bakery"}, {"S2"}),
        ({"category": "none"}, {"S1"}),
        ({"group": "GROUP"}, {"S2"}),
        ({"store": "S1"}, {"S1"}),
        ({"group": "x", "from": "2026-99-99", "to": "soon"}, {"S1", "S2", "gone"}),
        ({"to": "2001-01-01"}, set()),
    ],
)
def test_filters_narrow_the_list_and_what_is_not_understood_is_left_out(page, anna, query, found):
    store("S1", "N"), store("S2", "S", category=Category.objects.create(name="Bakery"))
    group = StoreGroup.objects.create(name="South", area="S")
    for store_id in ("S1", "S2", "gone"):
        visits(store_id, [1], owner_id=anna.pk)
    query = {name: str(group.pk) if value == "GROUP" else value for name, value in query.items()}
    answer = page.get("/visits/list/", query)
    assert {row.store_id for row, _ in answer.context["visits"]} == found
    assert page.get("/visits/", query).context["often"].visits == len(found)


def test_a_period_is_a_year_at_most(page):
    scope = page.get("/visits/", {"from": "2020-01-01", "to": "2024-12-31"}).context["scope"]
    assert (scope.days, str(scope.until)) == (366, "2024-12-31")


@pytest.mark.parametrize("path", PATHS)
def test_everybody_sees_visits_of_their_own_jobs_alone(page, admin_client, anna, path):
    store("S1")
    boss = User.objects.get(username="admin")
    visits("S1", range(3), owner_id=boss.pk)
    visits("S1", [5], owner_id=anna.pk)
    mine, all_ = (client.get(path).context for client in (page, admin_client))
    if path == "/visits/":
        assert (mine["often"].visits, all_["often"].visits) == (1, 4)
    elif path == "/visits/list/":
        assert (len(mine["visits"]), len(all_["visits"])) == (1, 4)
    else:
        visits("S1", [0], owner_id=boss.pk)
        days = {"from": today(), "to": today()}
        assert [client.get(path, days).context["count"] for client in (page, admin_client)] == [1, 0]


def test_a_stores_page_draws_its_visits(page, anna):
    found = store("S1")
    visits("S1", range(0, 100, 7), hour=0, owner_id=anna.pk)
    visits("S1", [0], hour=0, owner_id=User.objects.create_user("bea").pk)
    answer = page.get(f"/stores/{found.pk}/")
    rhythm = answer.context["rhythm"]
    assert (rhythm.usual.value, rhythm.usual.n, rhythm.shortest, rhythm.longest) == (None, 14, 7, 7)
    assert "7 to 7 days" in answer.text
    assert len(rhythm.days) == len([day for day in rhythm.calendar.days if day.shade]) == 15
    assert (rhythm.days[0].day, rhythm.days[0].visits, rhythm.days[0].failed) == (today(), 1, 1)
    assert [gap.is_open for gap in rhythm.strip][-1:] == [True]
    assert rhythm.images.rows[-1].failed == 1


def test_a_store_without_visits_says_so(page):
    text = page.get(f"/stores/{store('S1').pk}/").text
    assert "none <small>in the jobs that you may see" in text
    assert "too few: 0 gaps" in text


def test_a_stores_usual_gap_takes_thirty(page, anna):
    found = store("S1")
    visits("S1", range(1, 1 + 31 * 4, 4), hour=0, owner_id=anna.pk)
    rhythm = page.get(f"/stores/{found.pk}/").context["rhythm"]
    assert (rhythm.usual.value, rhythm.usual.n) == (4, 30)
    assert 0 <= rhythm.since_last - 1 < 1


def test_the_stores_own_clock_is_named_where_it_is_another(page, anna):
    found = store("S1", timezone="Asia/Kolkata")
    assert "own is Asia/Kolkata" in page.get(f"/stores/{found.pk}/").text
    Store.objects.update(timezone="UTC")
    assert "own is" not in page.get(f"/stores/{found.pk}/").text


def test_what_ids_and_codes_say_is_text(page, anna):
    store(HOSTILE, HOSTILE)
    visits(HOSTILE, [0, 0, 1], owner_id=anna.pk, code="http_404", host=HOSTILE)
    for path in (*PATHS, f"/stores/{Store.objects.get().pk}/"):
        assert HOSTILE not in page.get(path, {"area": HOSTILE}).text
