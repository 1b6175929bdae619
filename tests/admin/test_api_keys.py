"""API keys in the admin: viewed, revoked, and nothing else."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from access.models import ApiKey, Scope

pytestmark = pytest.mark.django_db

LIST = "/admin/access/apikey/"


@pytest.fixture
def key() -> ApiKey:
    return ApiKey.objects.create_for(User.objects.create_user("till"), "till 42", list(Scope))[0]


def revoke(client: Client, *keys: ApiKey):
    data = {"action": "revoke", "_selected_action": [key.pk for key in keys]}
    return client.post(LIST, data, follow=True)


def test_pages_show_what_a_key_may_do_and_neither_secret_nor_hash(admin_client, key):
    for page in (LIST, f"{LIST}{key.pk}/change/"):
        text = admin_client.get(page).text
        assert "till 42" in text
        assert "manage, read, stores, submit" in text
        assert key.secret_sha256 not in text


def test_the_action_revokes_and_leaves_an_entry_in_the_log(admin_client, key):
    assert "1 API key revoked." in revoke(admin_client, key).text

    key.refresh_from_db()
    assert key.revoked_at is not None
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message) == (str(key.pk), "Revoked.")

    assert "0 API keys revoked." in revoke(admin_client, key).text
    assert LogEntry.objects.count() == 1


def test_keys_are_neither_added_nor_changed_nor_deleted_by_hand(admin_client, key):
    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.post(f"{LIST}{key.pk}/change/", {"name": "other"}).status_code == 403
    assert admin_client.post(f"{LIST}{key.pk}/delete/", {"post": "yes"}).status_code == 403
    key.refresh_from_db()
    assert key.name == "till 42"


def test_a_viewer_may_not_revoke(key):
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    client = Client()
    client.force_login(viewer)

    assert client.get(LIST).status_code == 200
    revoke(client, key)
    key.refresh_from_db()
    assert key.revoked_at is None


def test_the_list_costs_the_same_for_many_keys(admin_client, key, django_assert_max_num_queries):
    for number in range(5):
        ApiKey.objects.create_for(User.objects.create_user(f"u{number}"), "k", [Scope.READ])
    with django_assert_max_num_queries(6):
        admin_client.get(LIST)


@pytest.mark.parametrize("query", ["q=%00", "name=%00", "q=' OR 1=1", "user__password=x", "p=99", "o=99"])
def test_no_query_breaks_the_list(admin_client, key, query):
    admin_client.raise_request_exception = False
    assert admin_client.get(f"{LIST}?{query}").status_code in (200, 302, 400)
