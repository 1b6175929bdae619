"""Lists stay fast in a database of millions: few queries, no count of a whole table, no row-by-row lookups."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.models import ImageResult, Job, Visit, Worker
from retail_pulse import admin as lists
from tests.admin.conftest import list_page, listed, row_page

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("model", "budget"),
    [
        (Job, 6),  # session, user, count, the years and days there are jobs of, page
        (Visit, 5),  # session, user, areas, count, page
        (ImageResult, 5),
        (Worker, 4),  # session, user, count, page
    ],
)
def test_a_list_costs_the_same_few_queries_whatever_it_holds(
    admin_client, crowd, model, budget, django_assert_max_num_queries
):
    with django_assert_max_num_queries(budget):
        response = admin_client.get(list_page(model))
    assert len(listed(response)) == min(50, model.objects.count())


@pytest.mark.parametrize(
    ("model", "budget"),
    [
        # Session, user, the row, and once in a process its content type; and:
        (Job, 8),  # running images, error codes, owner, the first of its failed stores
        (Visit, 6),  # store, what the client says
        (ImageResult, 7),  # store, failed attempts, what the client says
        (Worker, 4),
    ],
)
def test_a_page_costs_the_same_few_queries_whatever_hangs_on_it(
    admin_client, crowd, model, budget, django_assert_max_num_queries
):
    row = model.objects.order_by("pk").first()
    with django_assert_max_num_queries(budget):
        assert admin_client.get(row_page(row)).status_code == 200


@pytest.mark.parametrize("model", [Visit, ImageResult])
@pytest.mark.parametrize("query", [{}, {"job": 1}, {"area": "A-1"}, {"q": "T-1"}, {"all": ""}])
def test_no_list_counts_a_whole_table(admin_client, crowd, model, query):
    with CaptureQueriesContext(connection) as captured:
        admin_client.get(list_page(model), query)
    (count,) = [query["sql"] for query in captured if query["sql"].startswith("SELECT COUNT(")]
    assert f"LIMIT {lists.LONGEST_LIST + 1})" in count
    assert "image_count" not in count  # what a row of the list shows is not worked out for the count


def test_no_list_offers_to_count_by_filter(admin_client, crowd):
    for model in (Job, Visit, ImageResult):
        page = admin_client.get(list_page(model), {"_facets": "True"}).text
        assert "Show counts" not in page
        assert "Hide counts" not in page


@pytest.mark.parametrize(("longest", "capped"), [(240, False), (239, True)])
def test_a_list_ends_at_its_longest_and_says_so(admin_client, crowd, monkeypatch, longest, capped):
    monkeypatch.setattr(lists, "LONGEST_LIST", longest)
    response = admin_client.get(list_page(ImageResult))
    assert response.context["cl"].result_count == longest
    assert (f"The list ends after {longest}." in response.text) == capped


def test_the_last_page_of_a_capped_list_is_cut_short(admin_client, crowd, monkeypatch):
    monkeypatch.setattr(lists, "LONGEST_LIST", 70)
    newest = list(ImageResult.objects.order_by("-pk").values_list("pk", flat=True)[:70])
    assert listed(admin_client.get(list_page(ImageResult), {"p": 2})) == newest[50:]


def test_lists_show_the_newest_first(admin_client, crowd):
    for model in (Job, Visit, ImageResult):
        shown = listed(admin_client.get(list_page(model)))
        assert shown == sorted(shown, reverse=True)


def test_an_order_without_an_index_is_not_offered(admin_client, crowd):
    for model in (Visit, ImageResult):
        page = admin_client.get(list_page(model)).text
        assert re.findall(r'href="\?o=-?(\d+)', page) == ["0", "0"]
