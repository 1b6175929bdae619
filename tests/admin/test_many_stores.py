"""The list of stores stays fast where there are a million of them."""

import re

import pytest
from django.contrib.admin import site
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from retail_pulse import admin as lists
from stores.models import Store

pytestmark = pytest.mark.django_db
LIST = "/admin/stores/store/"


@pytest.fixture
def many_stores():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO stores_store (store_id, name, area_code, updated_at) "
            "SELECT 'X' || lpad(n::text, 6, '0'), 'SHOP ' || n, 'A' || n % 3, now() FROM generate_series(1, 12000) AS n"
        )
        cursor.execute("ANALYZE stores_store")


def listed(response):
    return [store.store_id for store in response.context["cl"].result_list]


@pytest.mark.parametrize("query", [{}, {"area": "A1"}, {"q": "shop"}, {"p": 200}, {"all": ""}])
def test_a_page_costs_few_queries_and_none_counts_or_reads_the_whole_table(
    admin_client, many_stores, query, django_assert_max_num_queries
):
    with django_assert_max_num_queries(7), CaptureQueriesContext(connection) as captured:
        response = admin_client.get(LIST, query)
    assert 1 <= len(listed(response)) <= 50
    statements = [each["sql"] for each in captured if "stores_store" in each["sql"]]
    assert [sql for sql in statements if "LIMIT" not in sql and not sql.startswith("EXPLAIN")] == []


def test_the_list_ends_early_and_says_about_how_many_there_are(admin_client, many_stores):
    response = admin_client.get(LIST)
    assert response.context["cl"].result_count == lists.LONGEST_LIST
    assert "The list ends after 10,000. There are about 12,000 stores:" in response.text
    response = admin_client.get(LIST, {"area": "A1"})
    assert response.context["cl"].result_count == 4_000
    assert "The list ends after" not in response.text


def test_the_last_page_is_reached_and_no_row_is_shown_twice(admin_client, many_stores):
    assert listed(admin_client.get(LIST, {"p": 200})) == [f"X{number:06}" for number in range(9_951, 10_001)]


def test_only_the_order_with_an_index_is_offered(admin_client, many_stores):
    assert set(re.findall(r'href="\?o=-?(\d+)', admin_client.get(LIST).text)) == {"1"}


def choose_all(client, *stores):
    chosen = {"action": "delete_selected", "select_across": "1", "post": "yes"}
    return client.post(LIST, {**chosen, "_selected_action": [store.pk for store in stores]}, follow=True)


def test_all_at_once_reaches_no_store_that_the_list_does_not(admin_client, many_stores):
    response = choose_all(admin_client, Store.objects.first())
    assert "More than 10,000 stores match, so nothing was done" in response.text
    assert Store.objects.count() == 12_000


def test_all_of_a_short_list_are_chosen_as_ever(admin_client):
    Store.objects.create(store_id="X1", name="ONE", area_code="A")
    choose_all(admin_client, Store.objects.get())
    assert not Store.objects.exists()


def test_a_search_as_one_types_asks_for_one_page_and_counts_no_further(many_stores, admin_user):
    request = RequestFactory().get("/")
    request.user = admin_user
    admin = site.get_model_admin(Store)
    assert admin.get_ordering(request) == ["store_id"]
    found, may_repeat = admin.get_search_results(request, admin.get_queryset(request), "shop 119")
    paginator = admin.get_paginator(request, found, 20)
    assert not may_repeat
    assert paginator.count == len(found) == 132
    assert [store.store_id for store in paginator.page(1)][:2] == ["X000119", "X001119"]
