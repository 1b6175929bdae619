"""When do stored stores get their categories, and what keeps the one that a person chose?"""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from stores import categorising
from stores.categorising import RulesBusy, changing_rules, go_on
from stores.coverage import coverage, suggestions
from stores.importer import import_stores
from stores.models import Categorising, Category, Keyword, Kind, Store
from tests.stores.files import store_file

pytestmark = pytest.mark.django_db


def told():
    rows = Store.objects.order_by("store_id").values_list("store_id", "category__name", "category_why")
    return [tuple(row) for row in rows]


def add(text, category, kind=Kind.STRONG):
    with changing_rules():
        Keyword.objects.create(text=text, kind=kind, category=category)


def go_on_elsewhere():
    """In a thread, on a connection of its own."""
    try:
        return go_on()
    finally:
        connection.close()


def test_an_import_tells_the_categories_of_its_names():
    import_stores(store_file("A,ROY BAKERY,X1", "A,ROY KIOSK,X2", "A,,X3"), skip_rejected=True)
    assert told() == [("X1", "Bakery", "by the word BAKERY"), ("X2", None, "")]
    assert Store.objects.get(store_id="X2").words == ["ROY", "KIOSK"]
    assert coverage().sentence == "1 of 2 stores (50 %) have a category"


def test_a_new_name_has_a_new_category_and_a_new_area_does_not():
    import_stores(store_file("A,ROY BAKERY,X1", "A,OLD TEA STALL,X2"))
    Store.objects.filter(store_id="X1").update(category_why="as it was")
    import_stores(store_file("B,ROY BAKERY,X1", "A,OLD JUICE STALL,X2"))
    assert told() == [("X1", "Bakery", "as it was"), ("X2", "Drinks and ice cream", "by the word JUICE")]


def test_a_dry_run_makes_no_categories():
    import_stores(store_file("A,ROY BAKERY,X1"), dry_run=True)
    assert not Category.objects.exists()


def test_whoever_deletes_all_keywords_does_not_get_them_back():
    import_stores(store_file("A,ROY BAKERY,X1"))
    Category.objects.all().delete()
    Keyword.objects.all().delete()
    import_stores(store_file("A,OLD BAKERY,X1"))
    assert not Keyword.objects.exists()
    assert told() == [("X1", None, "")]


def test_whoever_has_keywords_of_their_own_gets_no_others():
    add("KIOSK", Category.objects.create(name="Kiosk"))
    import_stores(store_file("A,ROY BAKERY,X1", "A,ROY KIOSK,X2"))
    assert told() == [("X1", None, ""), ("X2", "Kiosk", "by the word KIOSK")]


def test_stores_of_an_older_release_are_looked_at_once():
    Store.objects.create(store_id="X1", name="Roy Bakery", area_code="A")
    assert not categorising.state().is_finished
    assert go_on()
    assert told() == [("X1", "Bakery", "by the word BAKERY")]
    assert Store.objects.get().words == ["ROY", "BAKERY"]
    assert categorising.state().is_finished


def test_a_new_store_master_has_nothing_to_look_at():
    assert categorising.state().is_finished
    assert go_on()
    assert not Category.objects.exists()


def test_after_a_change_of_the_rules_every_store_is_looked_at_slice_by_slice(monkeypatch):
    import_stores(store_file(*[f"A,KIOSK,X{number}" for number in range(7)], "A,BAKERY,Y"))
    assert go_on()
    monkeypatch.setattr(categorising, "SLICE", 3)
    add("KIOSK", Category.objects.create(name="Kiosk"))
    seen = []
    assert not go_on(seconds=0, progress=seen.append)
    assert Categorising.objects.get().checked == 3
    assert Store.objects.filter(category__name="Kiosk").count() == 3
    assert go_on(progress=seen.append)
    assert seen == [3, 6, 8]
    assert Store.objects.filter(category__name="Kiosk").count() == 7


def test_looking_again_changes_nothing_that_is_right():
    import_stores(store_file("A,KIOSK,X1", "A,BAKERY,X2"))
    with changing_rules():
        pass
    with connection.cursor() as cursor:
        cursor.execute("SELECT xmin::text, ctid::text, updated_at FROM stores_store ORDER BY 1")
        before = cursor.fetchall()
        assert go_on()
        cursor.execute("SELECT xmin::text, ctid::text, updated_at FROM stores_store ORDER BY 1")
        assert cursor.fetchall() == before


def test_what_a_person_chose_outlives_rules_and_imports_until_it_is_taken_back():
    import_stores(store_file("A,ROY BAKERY,X1"))
    store = Store.objects.get()
    categorising.choose(store, Category.objects.get(name="Dairy"), "anna")
    add("ROY", Category.objects.get(name="Sweets"))
    go_on()
    import_stores(store_file("A,NEW BAKERY,X1"))
    assert told() == [("X1", "Dairy", "chosen by anna")]
    assert Store.objects.get().words == ["NEW", "BAKERY"]
    store = Store.objects.get()
    categorising.leave_to_rules(store)
    assert told() == [("X1", "Bakery", "by the word BAKERY")]


def test_a_person_may_choose_none():
    import_stores(store_file("A,ROY BAKERY,X1"))
    categorising.choose(Store.objects.get(), None, "")
    with changing_rules():
        pass
    go_on()
    assert told() == [("X1", None, "chosen by hand")]


def test_suggestions_are_frequent_words_that_are_no_keywords():
    names = ["ROY KIOSK", "SEN KIOSK 7", "B KIOSK KIOSK", "ROY STORE", "ROY STORE 2", "SEN STORE", "ROY BAKERY"]
    import_stores(store_file(*[f"A,{name},X{number}" for number, name in enumerate(names)]))
    assert suggestions() == [("KIOSK", 3), ("ROY", 3)]
    add("ROY", None, Kind.NAME)
    assert suggestions() == [("KIOSK", 3)]


def test_the_command_ends_what_a_change_has_left(capsys):
    import_stores(store_file("A,ROY KIOSK,X1", "A,ROY BAKERY,X2"))
    add("KIOSK", Category.objects.create(name="Kiosk"))
    call_command("categorise_stores")
    assert capsys.readouterr().out == "2 of 2 stores (100 %) have a category.\n"
    Store.objects.update(category=None)
    call_command("categorise_stores")
    assert capsys.readouterr().out == "0 of 2 stores (0 %) have a category.\n"
    call_command("categorise_stores", "--all")
    assert capsys.readouterr().out == "2 of 2 stores (100 %) have a category.\n"


@pytest.mark.django_db(transaction=True)
def test_no_rule_changes_while_an_import_stores_by_it(monkeypatch):
    import_stores(store_file("A,ROY BAKERY,X1"))
    monkeypatch.setattr(categorising, "WAIT_SECONDS", 1)

    def try_to_change():
        try:
            with changing_rules():
                pass
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other, transaction.atomic():
        import_stores(store_file("A,OLD BAKERY,X1"))
        with pytest.raises(RulesBusy, match="under way"):
            other.submit(try_to_change).result(30)
    with changing_rules():
        pass


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_an_import_to_look_at_stores():
    import_stores(store_file("A,ROY BAKERY,X1"))
    with changing_rules():
        pass

    with ThreadPoolExecutor(1) as other, transaction.atomic():
        import_stores(store_file("A,OLD TEA STALL,X1"))
        assert other.submit(go_on_elsewhere).result(30) is False
    assert go_on()
    assert told() == [("X1", "Tea and coffee", "by the word TEA")]


@pytest.mark.django_db(transaction=True)
def test_two_that_look_at_stores_at_once_leave_it_to_the_first():
    import_stores(store_file("A,ROY BAKERY,X1"))
    with changing_rules():
        pass

    with ThreadPoolExecutor(1) as other, transaction.atomic():
        Categorising.objects.select_for_update().get()
        assert other.submit(go_on_elsewhere).result(30) is False
    assert go_on()
