"""Do all pages read area, category, group, store and period in one way, and say what they could not read?"""

from datetime import timedelta

import pytest

from dashboard.store_filters import StoreFilter
from dashboard.visit_filters import DayFilter, WeekFilter
from insights.default_period import WEEKS
from insights.scope import LONGEST_DAYS, today
from stores.models import Category, Store, StoreGroup
from tests.factories import submit_job

pytestmark = pytest.mark.django_db

NOT_A_GROUP = "is not the number of a group, so stores of all groups are shown."
PAGES = [
    "/stores/", "/stores/route/", "/problems/", "/areas/", "/areas/area/?area=A", "/visits/", "/visits/list/",
    "/visits/unvisited/", "/reports/new/", "/jobs/{job}/", "/jobs/{job}/retry/",
]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_a_page_says_that_a_group_is_no_number(admin_client, path):
    job = submit_job(1)
    Store.objects.update(area_code="A")
    address = path.format(job=job.pk)
    page = admin_client.get(f"{address}{'&' if '?' in address else '?'}group=abc")
    assert f"“abc” {NOT_A_GROUP}" in page.content.decode()
    page = admin_client.get(f"{address}{'&' if '?' in address else '?'}group=")
    assert NOT_A_GROUP not in page.content.decode()


@pytest.mark.parametrize(
    ("group", "read"),
    [("1", 1), ("999999999", 999_999_999), ("1000000000", None), ("0", None), ("-1", None), ("²", None)],
)
def test_a_group_is_a_number_of_up_to_nine_digits(group, read):
    found = StoreFilter.read({"group": group})
    assert (found.group, bool(found.unread)) == (read, read is None)


def test_a_group_and_a_category_that_are_not_there_are_named_and_remain_chosen(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("somebody"))
    page = client.get("/stores/?group=77&category=Nowhere").content.decode()
    assert "There is no group 77." in page
    assert "There is no category “Nowhere”." in page
    assert '<option value="77" selected>deleted</option>' in page
    assert '<option value="Nowhere" selected>' in page


def test_of_what_is_there_nothing_is_said(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("somebody"))
    Category.objects.create(name="Bakery")
    group = StoreGroup.objects.create(name="Kiosks")
    for category in ("Bakery", "none"):
        page = client.get(f"/stores/?group={group.pk}&category={category}").content.decode()
        assert "notice warning" not in page


@pytest.mark.parametrize(("weeks", "read", "is_said"), [("", WEEKS, False), ("4", 4, False), ("7", WEEKS, True)])
def test_weeks_are_those_of_the_list(weeks, read, is_said):
    found = WeekFilter.read({"weeks": weeks})
    assert (found.weeks, bool(found.unread)) == (read, is_said)


@pytest.mark.parametrize(
    ("days", "shown", "is_said"),
    [(LONGEST_DAYS - 1, LONGEST_DAYS - 1, False), (LONGEST_DAYS, LONGEST_DAYS - 1, True), (-1, 0, True)],
)
def test_a_period_that_is_too_long_or_ends_before_it_begins_is_cut_and_that_is_said(days, shown, is_said):
    since = today() - timedelta(days=days)
    found = DayFilter.read({"from": str(since), "to": str(today())})
    assert ((found.until - found.since).days, bool(found.unread)) == (shown, is_said)


def test_a_day_that_is_none_is_said():
    assert DayFilter.read({"to": "2026-02-30"}).unread == ("“2026-02-30” is no day, so the usual one is taken.",)


def test_an_address_has_what_was_asked_for_and_no_defaults():
    given = {"area": "A", "category": "none", "group": "3", "store": "X1", "weeks": str(WEEKS)}
    assert WeekFilter.read(given).query() == "area=A&category=none&group=3&store=X1"
    assert WeekFilter.read({"weeks": "4"}).query(page=2) == "weeks=4&page=2"
    assert WeekFilter.read(given).narrowing == {"area": "A", "category": "", "group": 3, "store": "X1"}


def test_a_report_is_not_saved_with_a_group_that_cannot_be_read(admin_client):
    answer = admin_client.post(
        "/reports/new/", {"name": "Mine", "dimension": "area", "columns": "visits", "group": "x"}
    )
    assert answer.status_code == 400
    assert NOT_A_GROUP in answer.content.decode()


def test_a_route_is_planned_of_the_stores_of_a_category(admin_client):
    bakery = Category.objects.create(name="Bakery")
    Store.objects.create(store_id="IN", name="IN", area_code="A", category=bakery)
    Store.objects.create(store_id="OUT", name="OUT", area_code="A")
    page = admin_client.get("/stores/route/?area=A&category=Bakery").content.decode()
    assert "1 store. By area A, category Bakery." in page
    assert "IN</textarea>" in page
