"""The pages of groups: what they show, and who may change what."""

import pytest
from django.contrib.auth.models import User

from stores import groups
from stores.models import Category, Store, StoreGroup
from tests.factories import allow, make_stores

pytestmark = pytest.mark.django_db


@pytest.fixture
def editor(page, anna):
    page.force_login(allow(User.objects.get(pk=anna.pk), "change_store"))
    return page


@pytest.fixture
def group():
    make_stores("S1", "S2", "S3")
    made = StoreGroup.objects.create(name="Mine <b>", name_part="S2")
    groups.put(made, ["S3"])
    return made


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def test_without_any_there_is_none_and_who_may_not_change_stores_gets_no_form(page):
    text = page.get("/stores/groups/").text
    assert "There is no group yet" in text
    assert "A new group" not in text


def test_a_group_is_made_once_its_rule_was_looked_at(editor):
    make_stores("S1", "S2")
    Category.objects.create(name="Bakery")
    looked = editor.post("/stores/groups/", {"name": " New ", "area": "A-1", "look": "1"})
    assert "2 stores match this rule" in looked.text
    assert 'value="New"' in looked.text
    assert not StoreGroup.objects.exists()
    made = editor.post("/stores/groups/", {"name": " New ", "area": "A-1", "category": "Bakery"}, follow=True)
    assert said(made) == ["Made the group New."]
    group = StoreGroup.objects.get()
    assert (group.name, group.area, group.category.name, group.name_part) == ("New", "A-1", "Bakery", "")
    assert "in area A-1 and of category Bakery" in made.text


def test_a_rule_that_finds_one_store_or_none_says_so(editor):
    make_stores("S1")
    assert "1 store matches this rule" in editor.post("/stores/groups/", {"name_part": "S1", "look": "1"}).text
    assert "0 stores match this rule" in editor.post("/stores/groups/", {"name_part": "S2", "look": "1"}).text


@pytest.mark.parametrize("name", ["", "Mine <b>", "x" * 65])
def test_what_is_wrong_with_a_name_stands_beside_it(editor, group, name):
    answer = editor.post("/stores/groups/", {"name": name})
    assert answer.context["errors"].keys() == {"name"}
    assert 'aria-describedby="name-error"' in answer.text
    assert StoreGroup.objects.count() == 1


def test_a_groups_page_shows_its_rule_and_how_many_stores_it_finds(page, group):
    answer = page.get(f"/stores/groups/{group.pk}/")
    assert (answer.context["stores"], answer.context["by_rule"], answer.context["number_by_hand"]) == (2, 1, 1)
    assert "Mine &lt;b&gt;" in answer.text
    assert "<b>" not in answer.text
    assert "Delete" not in answer.text
    assert page.get(f"/stores/groups/{group.pk + 1}/").status_code == 404


def test_stores_are_put_in_and_taken_out(editor, group):
    path = f"/stores/groups/{group.pk}/"
    answer = editor.post(path, {"stores": "S1, S2\nX", "add": "1"}, follow=True)
    assert said(answer) == ["Put 2 stores into the group.", "Not in the store master: X."]
    editor.post(path, {"store": ["S1", "S3"], "remove": "1"})
    assert list(group.by_hand.values_list("store_id", flat=True)) == ["S2"]


def test_too_many_are_refused(editor, group, monkeypatch):
    monkeypatch.setattr(groups, "MOST_BY_HAND", 2)
    answer = editor.post(f"/stores/groups/{group.pk}/", {"stores": "S1,S2", "add": "1"}, follow=True)
    assert said(answer) == ["A group has at most 2 stores by hand; a rule may find more."]
    monkeypatch.setattr(groups, "MOST_AT_ONCE", 1)
    answer = editor.post(f"/stores/groups/{group.pk}/", {"stores": "S1,S2", "add": "1"}, follow=True)
    assert said(answer) == ["These are 2 ids; at most 1 are put in at once."]
    assert group.by_hand.count() == 1


def test_its_rule_is_changed_and_it_is_deleted_after_a_question(editor, group):
    path = f"/stores/groups/{group.pk}/"
    editor.post(path, {"name": "Other", "name_part": ""})
    group.refresh_from_db()
    assert (group.name, group.name_part) == ("Other", "")
    assert "Its stores stay" in editor.get(f"{path}delete/").text
    assert StoreGroup.objects.exists()
    assert said(editor.post(f"{path}delete/", follow=True)) == ["Deleted the group Other. Its stores stay."]
    assert Store.objects.count() == 3


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/stores/groups/", {"name": "New"}),
        ("/stores/groups/{}/", {"name": "New"}),
        ("/stores/groups/{}/", {"stores": "S1", "add": "1"}),
        ("/stores/groups/{}/", {"store": "S3", "remove": "1"}),
        ("/stores/groups/{}/delete/", {}),
    ],
)
def test_who_may_not_change_stores_changes_nothing(page, group, path, body):
    assert page.post(path.format(group.pk), body).status_code == 403
    assert StoreGroup.objects.get().name == "Mine <b>"
    assert group.by_hand.count() == 1


def test_long_lists_come_in_pages(page, group):
    StoreGroup.objects.bulk_create(StoreGroup(name=f"G{number:03}") for number in range(50))
    first = page.get("/stores/groups/")
    second = page.get("/stores/groups/", {"after": first.context["next"]})
    assert [each.name for each in second.context["groups"]] == ["Mine <b>"]
    make_stores(*(f"T{number:03}" for number in range(50)))
    groups.put(group, [f"T{number:03}" for number in range(50)])
    path = f"/stores/groups/{group.pk}/"
    first = page.get(path)
    assert len(first.context["by_hand"]) == 50
    assert [store.store_id for store in page.get(path, {"after": first.context["next"]}).context["by_hand"]] == ["T049"]


def test_the_list_of_stores_is_narrowed_to_a_group_also_to_one_that_was_deleted(page, group):
    def listed(query):
        return [store.store_id for store in page.get("/stores/", query).context["stores"]]

    assert listed({"group": group.pk}) == ["S2", "S3"]
    assert listed({"group": group.pk, "q": "S3"}) == ["S3"]
    assert listed({"group": "x"}) == ["S1", "S2", "S3"]
    number = group.pk
    group.delete()
    assert listed({"group": number}) == []
    assert "deleted" in page.get("/stores/", {"group": number}).text
