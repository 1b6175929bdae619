"""What do the pages about areas show, of how many areas, and to whom?"""

import re

import pytest
from django.contrib.auth.models import User

from dashboard.pages.areas import LEAST_TREEMAP, ROWS
from insights.models import VisitSummary
from stores.models import Store, StoreGroup
from tests.insights.visits import make_areas, make_visits

pytestmark = pytest.mark.django_db


@pytest.fixture
def show(page):
    def show(path="/areas/", status=200, **query):
        answer = page.get(path, query)
        assert answer.status_code == status
        return re.sub(r"\s+", " ", answer.content.decode())

    return show


def test_with_an_empty_database_each_part_says_what_is_missing(show):
    text = show()
    assert "The store master is empty" in text
    assert "No visit has been summed yet." in text
    assert text.count("No visit in these weeks") == 3


def test_two_areas_are_compared_and_drawn(show, anna):
    make_areas("A", "B", stores=30)
    make_visits("A", stores=30, failing=0.3, owner=anna.pk)
    make_visits("B", stores=30, owner=anna.pk, fewer=(1,))
    text = show()
    assert "n = 60 stores, as the store master has them today" in text
    assert text.count("not geographic") == 1
    assert "<b>above the others</b>" in text
    assert "<b>below the others</b>" in text
    assert text.count('class="unusual"') == 1
    labels = re.findall(r'<svg class="interval" role="img" aria-label="([^"]*)"', text)
    assert len(labels) == 2
    assert all(re.fullmatch(r"[0-9.]+ % to [0-9.]+ %", label) for label in labels)
    assert "Many areas" not in text
    assert "UTC" in text


def test_two_thousand_areas_are_shown_page_by_page(show, anna):
    make_areas(*(f"{at:04}" for at in range(2000)), stores=1, categories=("Bakery",))
    for area in ("0000", "0007"):
        make_visits(area, stores=1, a_week=30, owner=anna.pk)
    text = show()
    assert text.count('<a href="/areas/area/?area=') < 4 * ROWS
    assert f"page 1 of {-(-2000 // ROWS)}" in text
    assert "other areas" in text
    assert "1,998 areas" in text
    assert len(text) < 200_000
    assert "?area=1999" in show(page=84)
    assert show(page=99_999)


def test_a_treemap_is_drawn_from_nine_areas_on(show, anna):
    make_areas(*(f"A{at}" for at in range(LEAST_TREEMAP - 1)))
    make_visits("A0", owner=anna.pk)
    assert 'class="treemap' not in show()
    make_areas("B", stores=3)
    text = show()
    assert text.count('<svg class="treemap') == 2
    assert "Not geographic" in text


@pytest.mark.parametrize(
    "measure", ["failure_rate", "visits_per_store_week", "turnaround_median", "turnaround_p95", "fetch_mean", "nothing"]
)
def test_every_measure_is_shown_in_its_unit(show, anna, measure):
    make_areas("A", "B")
    for area in "AB":
        make_visits(area, owner=anna.pk)
    text = show(measure=measure, trend=measure)
    assert text.count('class="range"') == 2
    units = {"turnaround_median": " s", "turnaround_p95": " min", "fetch_mean": " ms", "visits_per_store_week": "1."}
    assert units.get(measure, " %") in text


def test_the_filters_narrow_every_part_and_stay_chosen(show, anna):
    make_areas("A", stores=30)
    make_visits("A", stores=30, owner=anna.pk)
    stores = Store.objects.in_category("Bakery")
    text = show(category="Bakery")
    assert f"n = {stores.count()} stores" in text
    visits = VisitSummary.objects.filter(store_id__in=stores.values("store_id")).count()
    assert f"n = {visits} visits" in text
    assert '<option value="Bakery" selected>' in text
    assert f"n = {Store.objects.in_category('').count()} stores" in show(category="none")
    group = StoreGroup.objects.create(name="Few", area="B")
    assert "No store matches" in show(group=group.pk)
    assert "No store matches" in show(category="Nothing")


@pytest.mark.parametrize(
    "query",
    [
        {"weeks": "x"},
        {"weeks": "99"},
        {"group": "9" * 30},
        {"page": "-1"},
        {"compared": "99999999"},
    ],
)
def test_what_is_not_understood_is_left_out(show, query):
    make_areas("A")
    show(**query)


def test_who_is_not_staff_sees_visits_of_their_own_jobs_alone(show, anna):
    make_areas("A", stores=30)
    hers = make_visits("A", stores=30, owner=anna.pk)
    make_visits("A", stores=30, owner=User.objects.create_user("berta").pk)
    assert f"n = {hers} visits" in show()
    assert f"n = {hers} visits" in show("/areas/area/", area="A")


def test_staff_see_everybodys_visits(client):
    make_areas("A", stores=30)
    visits = make_visits("A", stores=30, owner=1) + make_visits("A", stores=30, owner=2)
    client.force_login(User.objects.create_superuser("root"))
    assert f"n = {visits} visits" in client.get("/areas/").content.decode()


def test_an_areas_page_has_its_figures_weeks_hours_and_links(show, anna):
    make_areas("A/1 &", "B", stores=30)
    for area in ("A/1 &", "B"):
        make_visits(area, stores=30, owner=anna.pk)
    text = show("/areas/area/", area="A/1 &")
    assert "<h1>Area A/1 &amp;</h1>" in text
    assert 'href="/stores/?area=A%2F1%20%26"' in text
    assert text.count('<svg class="multiple"') == 4
    assert "no difference shown" in text
    assert "As a table" in text


def test_an_area_with_few_images_says_so(show, anna):
    make_areas("A", "B")
    make_visits("B", owner=anna.pk)
    assert "No visit in these weeks" in show("/areas/area/", area="A")
    # On each working day one or two of one image: on whatever day this runs, more than none and less than thirty.
    make_visits("A", weeks=2, a_week=0.6, images=1, owner=anna.pk)
    assert "too few for a figure" in show("/areas/area/", area="A")


@pytest.mark.parametrize("area", ["", "nowhere", "x" * 99])
def test_an_area_that_no_store_has_is_not_found(show, area):
    make_areas("A")
    show("/areas/area/", status=404, area=area)


def number_drawn(text):
    """Of the dots of a map: a page also holds random characters, which may be any two."""
    return len(re.findall(r"M\d+ \d+h0", text))


def test_stores_with_coordinates_are_drawn_and_the_others_counted(show, monkeypatch):
    make_areas("A", stores=40, places=True)
    placed = Store.objects.exclude(latitude=None).count()
    text = show()
    assert f"{placed} stores with coordinates; {40 - placed} without." in text
    assert number_drawn(text) == placed
    assert "Straight latitude and longitude" in text
    monkeypatch.setattr("dashboard.pages.areas.MOST_PLACES", 10)
    text = show()
    assert 0 < number_drawn(text) <= 10
    assert "of which every k-th is drawn" in text


def test_without_coordinates_there_is_no_map(show):
    make_areas("A")
    assert "Where stores are" not in show()


def test_markup_in_a_code_or_a_name_is_text(show, anna):
    make_areas("<b>x</b>", categories=("<i>y</i>",))
    make_visits("<b>x</b>", owner=anna.pk)
    for text in (show(), show("/areas/area/", area="<b>x</b>")):
        assert "<b>x" not in text
        assert "<i>y" not in text
