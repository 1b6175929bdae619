"""Paused hosts in the admin: browsed, and changed by nobody."""

import pytest

from jobs.models import ImageResult, PausedHost
from tests.admin.conftest import list_page, listed, row_page
from tests.factories import defer, pause_host, submit_job

pytestmark = pytest.mark.django_db

HOST = "photos.test:443"


@pytest.fixture
def host():
    return pause_host(HOST)


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


@pytest.mark.parametrize(
    ("waits_for", "said"),
    [
        (HOST, f"waiting for a place at {HOST}"),
        ("*7", "waiting for a place at a host that has not answered yet"),
        ("", "ready"),
    ],
)
def test_an_images_page_says_what_it_waits_for(admin_client, waits_for, said):
    job = submit_job(1)
    defer(job, waits_for)
    text = admin_client.get(row_page(ImageResult.objects.get())).text
    assert f'<div class="readonly">{said}</div>' in text
