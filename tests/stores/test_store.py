import pytest
from django.db import connection

from stores.models import Store

pytestmark = pytest.mark.django_db


@pytest.fixture
def stores():
    return Store.objects.bulk_create(
        [
            Store(store_id="X1", name="ONE", area_code="A"),
            Store(store_id="X2", name="TWO", area_code="A"),
            Store(store_id="X3", name="TWO", area_code="B"),
        ]
    )


def test_a_store_introduces_itself(stores):
    assert str(stores[0]) == "X1 ONE"


def test_stores_of_an_area(stores):
    assert {store.store_id for store in Store.objects.in_area("A")} == {"X1", "X2"}


def test_known_stores_are_found_in_one_query(stores, django_assert_num_queries):
    with django_assert_num_queries(1):
        found = set(Store.objects.known(["X1", "x1", "X3", "X3", "nowhere"]).values_list("store_id", flat=True))
    assert found == {"X1", "X3"}


def test_the_time_of_creation_is_the_databases(stores):
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT created_at BETWEEN now() AND clock_timestamp() FROM stores_store")
        assert cursor.fetchall() == [(True,)]
