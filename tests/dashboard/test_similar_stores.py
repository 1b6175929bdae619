"""Similar names and possible duplicates: on a store's page, and on a page of their own."""

import pytest

from dashboard.pages import duplicates
from stores.models import Store
from stores.words import words_of

pytestmark = pytest.mark.django_db


def put(*names, area="A"):
    first = Store.objects.count()
    Store.objects.bulk_create(
        Store(store_id=f"S{first + at:03}", name=name, area_code=area, words=words_of(name))
        for at, name in enumerate(names)
    )


def test_a_stores_page_names_similar_ones_and_possible_duplicates(page):
    put("Saha <b>", "SAHA B", "Saha", "Moon")
    first = Store.objects.get(store_id="S000")
    answer = page.get(f"/stores/{first.pk}/")
    assert [each.store.store_id for each in answer.context["similar"]] == ["S001", "S002"]
    assert [each.store_id for each in answer.context["duplicates"]] == ["S001"]
    assert "Possible duplicates" in answer.text
    assert "<b>" not in answer.text


def test_of_a_store_that_is_like_none_it_says_so(page):
    put("Moon")
    text = page.get(f"/stores/{Store.objects.get().pk}/").text
    assert "No other store shares a word with it" in text
    assert "Possible duplicates" not in text


def test_duplicates_are_listed_page_by_page(page, monkeypatch):
    assert "No two stores" in page.get("/stores/duplicates/").text
    put("One", "ONE", "Two & <b>", "two b")
    put("Three", "Three", area="B & C")
    monkeypatch.setattr(duplicates, "ROWS", 2)
    first = page.get("/stores/duplicates/")
    assert [each.words for each in first.context["sets"]] == [["ONE"], ["TWO", "B"]]
    assert "<b>" not in first.text
    second = page.get("/stores/duplicates/", first.context["next"])
    assert [each.area for each in second.context["sets"]] == ["B & C"]
    assert second.context["next"] is None
    assert [each.area for each in page.get("/stores/duplicates/", {"area": "B & C"}).context["sets"]] == ["B & C"]
    assert "No two stores of this area" in page.get("/stores/duplicates/", {"area": "C"}).text
