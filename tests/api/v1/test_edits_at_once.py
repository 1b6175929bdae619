"""What do people meet who change, delete or make the same row of the store master's settings, or report, at once?

Nobody's answer is an error in this service, no change is lost, and what was deleted does not come back.
"""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client

from insights.models import Report
from stores import groups
from stores.models import AreaWeight, Category, CategoryRule, Store, StoreGroup
from tests.access.conftest import bearer, make_key
from tests.waiting import until_it_waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def editor():
    return bearer(make_key(User.objects.create_superuser("root"))[1])


def send(editor: dict[str, str], method: str, path: str, body: Any = None) -> Any:
    """In a thread of its own, with its own connection."""
    client = Client(raise_request_exception=False)
    data = b"" if body is None else json.dumps(body).encode()
    try:
        return client.generic(method, f"/api/v1/{path}", data, content_type="application/json", headers=editor)
    finally:
        connection.close()


def send_form(user: User, path: str, form: dict[str, str]) -> Any:
    """To a page, as above."""
    client = Client(raise_request_exception=False)
    try:
        client.force_login(user)
        return client.post(path, form)
    finally:
        connection.close()


def while_held(held: Callable[[], object], *request: Any, by: Callable[..., Any] = send) -> Any:
    """The answer to a request that came to wait while somebody else did what `held` does, before their commit."""
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            held()
            answer = other.submit(by, *request)
            until_it_waits_for_a_lock(answer)
        return answer.result(timeout=20)


def at_once(*requests: tuple[Any, ...]) -> list[int]:
    """The statuses of the answers to requests that begin together."""
    start = threading.Barrier(len(requests))

    def one(request: tuple[Any, ...]) -> int:
        start.wait(20)
        return int(send(*request).status_code)

    with ThreadPoolExecutor(len(requests)) as pool:
        return sorted(pool.map(one, requests, timeout=60))


def test_two_who_change_different_parts_of_a_group_both_have_their_way(editor):
    group = StoreGroup.objects.create(name="Mine", area="A")

    def rename():
        StoreGroup.objects.filter(pk=group.pk).update(name="Ours")

    assert while_held(rename, editor, "PATCH", f"groups/{group.pk}", {"area": "B"}).status_code == 200
    group.refresh_from_db()
    assert (group.name, group.area) == ("Ours", "B")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"name": "Again"}),
        ("POST", "/members", {"add": ["here"]}),
        ("DELETE", "", None),
    ],
)
def test_a_group_that_is_deleted_meanwhile_is_not_found_and_stays_deleted(editor, method, path, body):
    Store.objects.create(store_id="here", name="Here", area_code="A")
    group = StoreGroup.objects.create(name="Mine")
    answer = while_held(lambda: groups.delete(group.pk), editor, method, f"groups/{group.pk}{path}", body)
    assert answer.status_code == 404, answer.content
    assert not StoreGroup.objects.exists()


def test_a_group_is_deleted_with_the_stores_that_are_put_in_meanwhile(editor):
    Store.objects.create(store_id="here", name="Here", area_code="A")
    group = StoreGroup.objects.create(name="Mine")
    answer = while_held(lambda: groups.put(group, ["here"]), editor, "DELETE", f"groups/{group.pk}")
    assert answer.status_code == 204, answer.content
    assert not StoreGroup.objects.exists()


def test_a_store_that_is_deleted_meanwhile_is_none_of_the_store_master(editor):
    store = Store.objects.create(store_id="here", name="Here", area_code="A")
    group = StoreGroup.objects.create(name="Mine")
    answer = while_held(store.delete, editor, "POST", f"groups/{group.pk}/members", {"add": ["here"]})
    assert answer.status_code == 422, answer.content
    assert not group.by_hand.exists()


def test_no_group_is_made_by_a_category_that_is_deleted_meanwhile(editor):
    bakery = Category.objects.create(name="Bakery")
    answer = while_held(bakery.delete, editor, "POST", "groups", {"name": "Mine", "category": "Bakery"})
    assert answer.status_code == 400, answer.content
    assert not StoreGroup.objects.exists()


def test_a_category_is_not_deleted_of_which_a_group_is_made_meanwhile(editor):
    bakery = Category.objects.create(name="Bakery")

    def make():
        groups.save(StoreGroup(name="Mine", category=bakery))

    assert while_held(make, editor, "DELETE", f"categories/{bakery.pk}").status_code == 409
    assert StoreGroup.objects.get().category == bakery


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "category-rules", {"priority": 1}),
        ("PATCH", "categories", {"name": "Bread"}),
        ("DELETE", "categories", None),
    ],
)
def test_a_category_that_is_deleted_meanwhile_is_not_found(editor, method, path, body):
    bakery = Category.objects.create(name="Bakery")
    answer = while_held(bakery.delete, editor, method, f"{path}/{bakery.pk}", body)
    assert answer.status_code == 404, answer.content
    assert not Category.objects.exists()
    assert not CategoryRule.objects.exists()


def test_all_who_set_a_rule_at_once_find_it_set_and_no_part_is_lost(editor):
    path = f"category-rules/{Category.objects.create(name='Bakery').pk}"
    parts = [{"priority": 1}, {"most_images": 5}, {"min_width": 640}, {"allowed_hosts": ["a.example"]}]
    assert at_once(*((editor, "PATCH", path, part) for part in parts)) == [200] * 4
    rule = CategoryRule.objects.get()
    assert (rule.priority, rule.most_images, rule.min_width, rule.allowed_hosts) == (1, 5, 640, ["a.example"])


def test_all_who_set_an_areas_weight_at_once_find_it_set(editor):
    weights = [{"area": "A", "weight": weight} for weight in (0.5, 1, 2, 3)]
    assert at_once(*((editor, "POST", "area-weights", body) for body in weights)) == [200] * 4
    assert AreaWeight.objects.get().weight in (0.5, 1, 2, 3)


def test_of_categories_with_the_same_name_at_once_one_is_made_and_one_renamed(editor):
    other = Category.objects.create(name="Bread")
    requests = [("POST", "categories"), ("PATCH", f"categories/{other.pk}"), ("POST", "categories")]
    statuses = at_once(*((editor, method, path, {"name": "Bakery"}) for method, path in requests))
    assert [status for status in statuses if status < 400] in ([200], [201])
    assert Category.objects.filter(name="Bakery").count() == 1


def test_two_who_change_different_parts_of_a_report_both_have_their_way(editor):
    report = Report.objects.create(owner=User.objects.get(), name="Mine")

    def rename():
        Report.objects.filter(pk=report.pk).update(name="Ours")

    assert while_held(rename, editor, "PATCH", f"reports/{report.pk}", {"weeks": 3}).status_code == 200
    report.refresh_from_db()
    assert (report.name, report.weeks) == ("Ours", 3)


def test_a_report_that_is_deleted_meanwhile_is_not_found_and_stays_deleted(editor):
    report = Report.objects.create(owner=User.objects.get(), name="Mine")
    answer = while_held(report.delete, editor, "PATCH", f"reports/{report.pk}", {"weeks": 3})
    assert answer.status_code == 404, answer.content
    assert not Report.objects.exists()


@pytest.mark.parametrize(
    ("what", "path", "form", "status"),
    [
        ("group", "/stores/groups/{}/", {"name": "Again"}, 404),
        ("group", "/stores/groups/{}/", {"add": "", "stores": "here"}, 404),
        ("group", "/stores/groups/{}/delete/", {}, 404),
        ("report", "/reports/{}/change/", {"name": "Again", "columns": "visits", "weeks": "3"}, 404),
        ("category", "/stores/categories/{}/rule/", {"priority": "1", "act": "save"}, 404),
        # The page of all categories says that it is gone.
        ("category", "/stores/categories/change/", {"act": "rename", "name": "Again"}, 302),
    ],
)
def test_pages_say_that_what_they_change_was_deleted_meanwhile(editor, what, path, form, status):
    user = User.objects.get()
    Store.objects.create(store_id="here", name="Here", area_code="A")
    make: dict[str, Callable[[], Any]] = {
        "group": lambda: StoreGroup.objects.create(name="Mine"),
        "report": lambda: Report.objects.create(owner=user, name="Mine"),
        "category": lambda: Category.objects.create(name="Bakery"),
    }
    row = make[what]()
    key = {"category": str(row.pk)} if what == "category" else {}
    answer = while_held(row.delete, user, path.format(row.pk), {**form, **key}, by=send_form)
    assert answer.status_code == status, answer.content
    assert not type(row).objects.exists()
    assert not CategoryRule.objects.exists()
