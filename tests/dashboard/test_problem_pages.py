"""What does the page of problem stores show, and what does a store's page say of it?"""

import re

import pytest
from django.contrib.auth.models import User

from insights.models import Refreshed, VisitSummary
from proofs.figure_scenes.stores import Visit, draw
from stores.models import Category, Store, StoreGroup
from tests.dashboard.conftest import HOSTILE
from tests.insights.drawn_visits import HOST, SIGNAL, others, regular, store_visits

pytestmark = pytest.mark.django_db


@pytest.fixture
def bad(anna):
    """A store of anna's with a fault of its own, among others."""
    store = Store.objects.create(store_id="bad/1", name=f"Corner {HOSTILE}", area_code="A")
    store_visits([*others(), *regular("bad/1", HOST, 30)], owner_id=anna.pk)
    return store


def text_of(answer):
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_with_an_empty_database_each_part_says_that_there_is_nothing(page):
    text = text_of(page.get("/problems/"))
    assert "No visit has been summed yet." in text
    assert "No store has 30 images in these weeks" in text
    assert "no store would have been listed" in text
    assert "likeliest to fail" not in text


def test_a_problem_store_is_shown_beside_its_host_with_the_cause_and_where_to_look(page, bad, job):
    VisitSummary.objects.filter(store_id="bad/1").update(job_id=job.pk)
    Refreshed.objects.create(pk=1, mark="2026-01-31T17:00:00Z")
    answer = page.get("/problems/")
    text = text_of(answer)
    assert "1 problem store;" in text
    assert "more than twice its host's" in text
    assert re.search(r"bad/1 Corner .* A 65 46.2 % 1.[0-9] % of 1,300 others at photos.example", text)
    assert "over 99.9 % probable" in text
    assert "The bytes are not an image" in text or "not_an_image" in text
    assert f'href="/stores/{bad.pk}/"' in answer.text
    assert f'href="/jobs/{job.pk}/?store=bad%2F1&amp;state=failed#images"' in answer.text
    assert answer.text.count('<line class="range') >= 2
    assert HOSTILE not in answer.text
    assert "style=" not in answer.text


def test_a_job_that_is_deleted_or_anothers_is_no_link(page, bad, job):
    User.objects.create_user("other")
    VisitSummary.objects.filter(store_id="bad/1").update(job_id=job.pk + 1000)
    assert "Its failed images" not in text_of(page.get("/problems/"))


def test_without_a_store_that_stands_out_the_page_says_so(page, anna):
    store_visits(others(), owner_id=anna.pk)
    assert "No store stands out from the others at its host" in text_of(page.get("/problems/"))


def test_the_back_test_says_what_became_of_those_it_would_have_listed(page, bad):
    text = text_of(page.get("/problems/"))
    assert "1 store would have been listed" in text
    assert "100 % of n = 1 stores that had images" in text


@pytest.mark.parametrize("by", ["area", "host", "category", "group"])
def test_failures_are_shown_by_what_is_asked(page, bad, by):
    Category.objects.create(name="Bakery").stores.add(bad)
    StoreGroup.objects.create(name="All of A", area="A")
    expected = {"area": "A", "host": HOST, "category": "Bakery", "group": "All of A"}[by]
    text = text_of(page.get("/problems/", {"by": by}))
    assert f"Failures by {by}" in text
    failed, images, rate = ("50", "1,365", "3.7 %") if by == "host" else ("30", "65", "46.2 %")
    assert re.search(f"{expected} {failed} {images} {rate}", text)


def test_filters_select_stores(page, bad):
    def listed(**query):
        return "1 problem store;" in text_of(page.get("/problems/", query))

    Category.objects.create(name="Bakery")
    group = StoreGroup.objects.create(name="B", area="B")
    assert listed()
    assert listed(area="A", weeks=26, category="none")
    assert not listed(area="B")
    assert not listed(category="Bakery")
    assert not listed(group=group.pk)


@pytest.mark.parametrize("query", ["by=x", "page=0", "page=99999999999", "weeks=7", "category=x", "group=-1"])
def test_what_is_not_understood_is_left_out(page, bad, query):
    assert page.get(f"/problems/?{query}").status_code == 200


def test_many_problem_stores_come_page_by_page(page, anna):
    visits = [visit for number in range(26) for visit in regular(f"bad{number:02}", HOST, 40)]
    store_visits([*others(number=300, failed=0), *visits], owner_id=anna.pk)
    first, second = (page.get("/problems/", {"page": number, "by": "area"}) for number in (1, 2))
    assert [len(answer.context["rows"]) for answer in (first, second)] == [25, 1]
    assert 'href="?by=area&amp;page=2"' in first.text
    assert 'href="?by=area&amp;page=1"' in second.text


def test_risks_are_shown_with_their_test_where_they_have_earned_it(page, anna):
    store_visits(draw(SIGNAL, seed=1).visits, owner_id=anna.pk)
    text = text_of(page.get("/problems/"))
    assert "Whose next images are the likeliest to fail" in text
    assert re.search(r"its log skill over the hosts' rates was 0\.[0-9]{3} \(0\.[0-9]{3} to 0\.[0-9]{3}\)", text)


def test_without_signal_nothing_of_risks_is_shown(page, anna):
    store_visits(others(number=60, failed=3), owner_id=anna.pk)
    assert "likeliest to fail" not in text_of(page.get("/problems/"))


def test_who_is_not_staff_is_shown_visits_of_their_own_jobs(page, client, bad):
    other = User.objects.create_user("other")
    client.force_login(other)
    assert "bad/1" not in text_of(client.get("/problems/"))
    assert "No image of this store was tried" in text_of(client.get(f"/stores/{bad.pk}/"))
    client.force_login(User.objects.create_superuser("boss"))
    assert "bad/1" in text_of(client.get("/problems/"))


def test_a_stores_page_says_what_is_a_problem_of_its_own(page, bad):
    text = text_of(page.get(f"/stores/{bad.pk}/"))
    assert "Failures beside its host's" in text
    assert "46.2 % of n = 65 images failed" in text
    assert "of n = 1,300 images of other stores failed" in text
    assert "a problem store : more than twice its host's rate is over 99.9 % probable" in text


@pytest.mark.parametrize(
    ("visits", "says"),
    [
        ([], "No image of this store was tried"),
        (regular("S1", HOST, 1, visits=5), "too few: n = 25 images, below 30"),
        (regular("S1", "own.example", 1), "hardly any image of another store"),
        (regular("S1", HOST, 1), "no problem of its own is shown"),
        ([Visit("S1", HOST, 89, 30, 30)], "30 images failed"),
    ],
)
def test_and_where_nothing_can_be_said_why(page, anna, visits, says):
    store = Store.objects.create(store_id="S1", name="Corner", area_code="A")
    store_visits([*others(), *visits], owner_id=anna.pk)
    assert says in text_of(page.get(f"/stores/{store.pk}/"))


def test_the_page_takes_a_fixed_number_of_statements(page, anna, django_assert_max_num_queries):
    store_visits(draw(SIGNAL, seed=1).visits, owner_id=anna.pk)
    page.get("/problems/")
    # Where nothing is kept: nine statements may read many visits, each of which comes with its settings; before that,
    # the panels ask what is kept, and as of when.
    with django_assert_max_num_queries(25 + 9 + 9):
        page.get("/problems/")
