import pytest
from django.contrib.admin import site
from django.urls import NoReverseMatch, reverse

from stores.admin.store import StoreAdmin
from stores.models import Store

pytestmark = pytest.mark.django_db
CHANGELIST = "admin:stores_store_changelist"


@pytest.fixture
def stores():
    return Store.objects.bulk_create(
        [
            Store(store_id="X 1&2", name="ROWAN BAKERY", area_code="HILL"),
            Store(store_id="X3", name="<b>BOLD</b>", area_code="VALE"),
        ]
    )


def listed(response):
    return [store.store_id for store in response.context["cl"].result_list]


def test_stores_are_listed_by_id(admin_client, stores):
    assert listed(admin_client.get(reverse(CHANGELIST))) == ["X 1&2", "X3"]


@pytest.mark.parametrize("words", ["bakery", "x 1"])
def test_search_finds_a_part_of_a_name_or_an_id(admin_client, stores, words):
    assert listed(admin_client.get(reverse(CHANGELIST), {"q": words})) == ["X 1&2"]


def test_stores_are_filtered_by_area(admin_client, stores):
    response = admin_client.get(reverse(CHANGELIST), {"area": "VALE"})
    assert listed(response) == ["X3"]
    assert "?area=HILL" in response.text


def test_names_are_escaped(admin_client, stores):
    assert "<b>BOLD</b>" not in admin_client.get(reverse(CHANGELIST)).text


def test_the_list_costs_the_same_queries_whatever_its_length(admin_client, stores, django_assert_num_queries):
    Store.objects.bulk_create(Store(store_id=f"Y{n}", name="SHOP", area_code="HILL") for n in range(40))
    with django_assert_num_queries(6):  # session, user, count, page, areas, categories
        admin_client.get(reverse(CHANGELIST))


def test_a_store_is_added_and_its_id_is_then_fixed(admin_client):
    page = reverse("admin:stores_store_add")
    assert "?store_id=" not in admin_client.get(page).text
    admin_client.post(page, {"store_id": "N1", "name": "NEW", "area_code": "A"})
    store = Store.objects.get()
    page = reverse("admin:stores_store_change", args=[store.pk])
    admin_client.post(page, {"store_id": "N2", "name": "NEWER  NAME", "area_code": "A"})
    changed = Store.objects.get()
    assert (changed.store_id, changed.name) == ("N1", "NEWER  NAME")
    assert changed.updated_at > store.updated_at
    assert changed.created_at == store.created_at


def test_an_id_in_use_is_refused_in_a_sentence(admin_client, stores):
    response = admin_client.post(reverse("admin:stores_store_add"), {"store_id": "X3", "name": "NEW", "area_code": "A"})
    assert "already exists" in response.text


def test_a_store_links_to_its_visits(admin_client, stores):
    assert '<a href="/admin/jobs/visit/?store_id=X+1%262">visits</a>' in admin_client.get(reverse(CHANGELIST)).text
    assert admin_client.get("/admin/jobs/visit/?store_id=X+1%262").status_code == 200


def test_without_a_page_of_visits_there_is_no_link(stores, monkeypatch):
    def reverse_nothing(name, current_app):
        raise NoReverseMatch(name)

    monkeypatch.setattr("stores.admin.store.reverse", reverse_nothing)
    assert StoreAdmin(Store, site).visits(stores[0]) == "-"


def test_codes_that_cannot_be_seen_are_refused_and_old_ones_shown(admin_client):
    old = Store.objects.create(store_id="OLD\u200b", name="SHOP", area_code="A\u00ad")
    page = reverse("admin:stores_store_change", args=[old.pk])
    for text in (admin_client.get(reverse(CHANGELIST)).text, admin_client.get(page).text):
        assert "OLD&lt;U+200B&gt;" in text
    for code in ("store_id", "area_code"):
        values = {"store_id": "N1", "name": "NEW", "area_code": "A", code: "B\u202e"}
        response = admin_client.post(reverse("admin:stores_store_add"), values)
        assert "This holds the invisible character U+202E at position 2: &#x27;B&lt;U+202E&gt;&#x27;." in response.text
    assert Store.objects.filter(store_id="N1").count() == 0
