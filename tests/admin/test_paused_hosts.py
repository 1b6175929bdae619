"""Paused hosts in the admin: looked at, and tried again at once."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User

from jobs.models import ImageResult, PausedHost
from tests.admin.conftest import list_page, listed, row_page
from tests.factories import defer, pause_host, submit_job

pytestmark = pytest.mark.django_db

HOST = "photos.test:443"


@pytest.fixture
def host():
    return pause_host(HOST)


def try_again(client, *hosts):
    return client.post(
        list_page(PausedHost), {"action": "try_again", "_selected_action": [each.pk for each in hosts]}, follow=True
    )


def test_a_host_is_shown_with_what_waits_for_it(admin_client, host):
    defer(submit_job(3), HOST)
    assert "http_503" in admin_client.get(list_page(PausedHost)).text
    text = admin_client.get(row_page(host)).text
    assert HOST in text
    assert '<div class="readonly">3</div>' in text


def test_hosts_are_found_by_a_part_of_their_name(admin_client, host):
    pause_host("other.test:443")
    assert listed(admin_client.get(f"{list_page(PausedHost)}?q=photos")) == [host.pk]


def test_hosts_can_neither_be_added_nor_changed_nor_deleted_by_hand(admin_client, host):
    assert admin_client.get(f"{list_page(PausedHost)}add/").status_code == 403
    assert admin_client.post(row_page(host), {"name": "x"}).status_code == 403
    assert admin_client.post(row_page(host).replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert PausedHost.objects.get().name == HOST


def test_chosen_hosts_are_tried_again_and_it_is_written_down(admin_client, host):
    other = pause_host("other.test:443")
    response = try_again(admin_client, host)
    assert [str(message) for message in response.context["messages"]] == ["1 host will be tried again now."]
    assert list(PausedHost.objects.all()) == [other]
    assert LogEntry.objects.get().object_repr == HOST


def test_it_takes_the_permission_to_change_hosts(client, host):
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_pausedhost"))
    client.force_login(viewer)
    assert "Try again now" not in client.get(list_page(PausedHost)).text
    try_again(client, host)
    assert PausedHost.objects.exists()


@pytest.mark.parametrize(
    ("waits_for", "said"),
    [
        (HOST, f"waiting for room at {HOST}"),
        ("*7", "waiting for room at a host that has not answered yet"),
        ("", "ready"),
    ],
)
def test_an_images_page_says_what_it_waits_for(admin_client, waits_for, said):
    job = submit_job(1)
    defer(job, waits_for)
    text = admin_client.get(row_page(ImageResult.objects.get())).text
    assert f'<div class="readonly">{said}</div>' in text
