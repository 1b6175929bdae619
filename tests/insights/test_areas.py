"""How do areas compare, and do their stores sum to the store master?"""

import random
from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from insights import areas
from insights.areas import ABOVE, BELOW, FAILURES, FETCH, MEDIAN, P95, SAME, VISITS
from insights.figures import Figure
from insights.models import VisitSummary
from insights.periods import first_day, known
from insights.scope import Scope, as_of, start_of, today
from stores.models import Category, Store
from tests.insights.visits import CATEGORIES, drawn, make_areas, make_visits

pytestmark = pytest.mark.django_db


def scope(user=None, **narrowed):
    return Scope(user, first_day(), today(), **narrowed)


def compare(of=None, measures=areas.MEASURES):
    found = known(of or scope())
    return areas.compare(found, as_of(), areas.stores_by_area(found.stores()), measures)


def by_area(comparison):
    return {area.area: area for area in comparison.areas}


@pytest.mark.parametrize("number", [0, 2, 2000])
def test_the_cells_of_any_number_of_areas_sum_to_the_store_master(number):
    make_areas(*(f"A{at}" for at in range(number)), stores=2)
    counted = areas.stores_by_area(Store.objects.all())
    assert len(counted) == number
    found = areas.matrix(Store.objects.all(), list(counted), most_columns=3)
    assert sum(row.stores for row in found.rows) == found.totals.stores == Store.objects.count() == 2 * number
    for row in [*found.rows, found.totals]:
        assert sum(row.cells) == row.stores
        assert len(row.cells) == len(found.columns) + (found.others > 0)
    assert [sum(cells) for cells in zip(*(row.cells for row in found.rows), strict=True)] == list(
        found.totals.cells[: 99 if number else 0]
    )
    assert found.categorised == Store.objects.exclude(category=None).count()


def test_categories_beyond_the_largest_are_summed():
    make_areas("A", stores=60)
    exact = areas.matrix(Store.objects.all(), ["A"], most_columns=len(CATEGORIES))
    assert (exact.others, list(exact.columns)) == (0, [*CATEGORIES, ""])
    summed = areas.matrix(Store.objects.all(), ["A"], most_columns=len(CATEGORIES) - 1)
    assert (summed.others, len(summed.columns), len(summed.rows[0].cells)) == (1, len(CATEGORIES), len(CATEGORIES) + 1)


def test_an_area_that_fails_more_is_above_the_others_and_its_like_are_not_ranked():
    make_areas("A", "B", "C", "D")
    for area in "ABC":
        make_visits(area, failing=0.04)
    make_visits("D", failing=0.3)
    found = by_area(compare())
    assert [found[area].verdicts[FAILURES] for area in "ABCD"] == [SAME, SAME, SAME, ABOVE]
    figure = found["D"].figures[FAILURES]
    assert figure.low < found["D"].failed / found["D"].tried == figure.value < figure.high
    assert figure.n == found["D"].tried


def test_an_area_below_the_middle_one_is_said_to_be():
    make_areas("A", "B", "C")
    for area, failing in (("A", 0.2), ("B", 0.2), ("C", 0.0)):
        make_visits(area, failing=failing)
    found = compare()
    assert [area.verdicts[FAILURES] for area in found.areas] == [SAME, SAME, BELOW]
    assert found.middle[FAILURES] == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.3, ABOVE), (0.05, 0.3, SAME), (0.01, 0.05, SAME), (0.01, 0.04, BELOW)],
)
def test_a_verdict_is_given_only_where_the_interval_clears_the_middle(low, high, verdict):
    assert areas.verdict(Figure((low + high) / 2, low, high, 100), 0.05) == verdict


def test_without_a_figure_or_another_area_there_is_no_verdict():
    assert areas.verdict(Figure.unknown(3), 0.05) == ""
    assert areas.verdict(Figure(0.1, 0.09, 0.11, 100), None) == ""


def visit(area, at, tried, failed=0):
    """One visit with that many images, and a turnaround of a minute."""
    row = drawn(VisitSummary.objects.count() + 1, f"{area}/0", at, random.Random(1), 0, tried)
    row.failed, row.completed = failed, tried - failed
    row.save()


def test_areas_of_fewer_than_thirty_images_are_gathered():
    make_areas("A", "B", "C")
    yesterday = start_of(today() - timedelta(days=1)) + timedelta(hours=9)
    for area, images in (("A", 30), ("B", 29), ("C", 3)):
        visit(area, yesterday, images - 1, failed=1)
        visit(area, yesterday - timedelta(days=1), 1)
    found = compare()
    assert [area.area for area in found.areas] == ["A"]
    assert (found.too_few.areas, found.too_few.tried, found.too_few.failed, found.too_few.visits) == (2, 32, 2, 4)


def test_images_that_nobody_tried_are_no_part_of_the_rate():
    make_areas("A")
    for day in (1, 2):
        visit("A", start_of(today() - timedelta(days=day)), 20, failed=1)
    VisitSummary.objects.update(images=100, unprocessed=80)
    (area,) = compare().areas
    assert (area.tried, area.figures[FAILURES].value) == (40, 0.05)


def test_visits_a_store_and_week_count_stores_that_nobody_visited():
    make_areas("A", stores=20)
    make_visits("A", stores=10, a_week=2)
    (area,) = compare().areas
    assert area.figures[VISITS].value == pytest.approx(1, rel=0.15)
    assert area.figures[VISITS].n == area.visits


def test_weeks_before_the_first_visit_do_not_count():
    make_areas("A", stores=10)
    make_visits("A", weeks=3, a_week=2)
    (area,) = compare().areas
    assert area.figures[VISITS].value == pytest.approx(2, rel=0.15)


def test_quantiles_of_turnarounds_are_within_a_bucket_of_the_exact_ones():
    make_areas("A", "B")
    make_visits("A", seconds=60)
    make_visits("B", seconds=240)
    found = by_area(compare())
    for area, times in found.items():
        exact = sorted(
            VisitSummary.objects.filter(store_id__startswith=f"{area}/").values_list("turnaround", flat=True)
        )
        for measure, share in ((MEDIAN, 0.5), (P95, 0.95)):
            figure = times.figures[measure]
            assert figure.value == pytest.approx(exact[int(share * len(exact))], rel=0.05)
            assert figure.low < figure.value < figure.high
            assert figure.n == len(exact)
    assert found["A"].figures[MEDIAN].high < found["B"].figures[MEDIAN].low


def test_a_mean_of_downloads_is_of_those_that_were_measured():
    make_areas("A")
    for day in (1, 2):
        visit("A", start_of(today() - timedelta(days=day)), 20)
    VisitSummary.objects.update(fetched=15, fetch_ms=1500)
    (area,) = compare().areas
    assert (area.figures[FETCH].value, area.figures[FETCH].n) == (100, 30)


def test_who_is_not_staff_compares_areas_by_their_own_jobs_alone():
    anna, root = User.objects.create_user("anna"), User.objects.create_superuser("root")
    make_areas("A", "B")
    hers = make_visits("A", owner=anna.pk)
    others = make_visits("A", owner=root.pk) + make_visits("B", owner=root.pk)
    assert {area.area: area.visits for area in compare(scope(anna)).areas} == {"A": hers}
    assert compare(scope(anna)).too_few.areas == 1
    assert sum(area.visits for area in compare(scope(root)).areas) == hers + others
    # Nobody signed in: an open API.
    assert known(scope(None)) is None


def test_category_and_group_narrow_stores_and_visits():
    make_areas("A", stores=30)
    make_visits("A", stores=30)
    bakery = scope(category="Bakery")
    stores = Store.objects.filter(category=Category.objects.get(name="Bakery"))
    (area,) = compare(bakery).areas
    assert area.stores == stores.count()
    assert area.visits == VisitSummary.objects.filter(store_id__in=stores.values("store_id")).count()
    # Of an unknown group there are no stores.
    assert compare(scope(group=7)).areas == []


@pytest.mark.parametrize("days", [2, 14, 28, 55, 56, 182, 300])
def test_any_period_is_compared(days):
    make_areas("A", "B")
    for area in "AB":
        make_visits(area, weeks=8)
    found = compare(Scope(None, today() - timedelta(days=days - 1), today()))
    assert (
        sum(area.visits for area in found.areas) + found.too_few.visits
        == VisitSummary.objects.filter(visited_at__gte=found.scope.begin).count()
    )
    assert sum(found.parts.days) <= days


def test_a_single_day_has_counts_and_no_interval():
    make_areas("A")
    visit("A", start_of(today() - timedelta(days=1)), 40, failed=2)
    (area,) = compare().areas
    assert {figure.why for figure in area.figures.values() if figure.n >= 30} == {"one_block"}
    assert (area.tried, area.failed) == (40, 2)
