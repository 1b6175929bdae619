"""Does the admin show whose webhooks there are and how they fare, change nothing, and keep every secret?"""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from tests.factories import make_staff
from tests.webhooks.deliveries import disable_by_itself, make_endpoint, make_failed
from webhooks import endpoints
from webhooks.models import Attempt, Delivery, Endpoint

pytestmark = pytest.mark.django_db


def pages(row):
    name = f"admin:webhooks_{row._meta.model_name}"
    return reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[row.pk])


@pytest.fixture
def failed():
    return make_failed(make_endpoint(User.objects.create_user("anna"), name="Warehouse"))


def test_no_page_shows_a_secret(admin_client, failed):
    endpoint = endpoints.rotate(failed.endpoint)
    assert endpoint.old_secret
    for page in (*pages(endpoint), *pages(failed)):
        text = admin_client.get(page).content.decode()
        assert endpoint.secret not in text
        assert endpoint.old_secret not in text
        assert "whsec_" not in text


def test_what_is_said_of_a_job_is_for_those_who_may_read_it(client, admin_client, failed):
    page = pages(failed)[1]
    client.force_login(make_staff("view_delivery", name="log"))
    said = "2026-11-22T06:21:00.387Z"
    assert said in admin_client.get(page).content.decode()
    assert said not in client.get(page).content.decode()
    assert client.get(page).status_code == 200


@pytest.mark.parametrize("field", ["secret", "old_secret"])
def test_no_list_is_narrowed_by_a_secret(admin_client, failed, field):
    endpoint = endpoints.rotate(failed.endpoint)
    first = getattr(endpoint, field)[:7]
    for page in pages(endpoint)[0], pages(failed)[0]:
        of_list = field if page == pages(endpoint)[0] else f"endpoint__{field}"
        for lookup in (of_list, f"{of_list}__startswith", f"{of_list}__length__gt"):
            assert admin_client.get(page, {lookup: first}).status_code == 400
    assert admin_client.get(pages(endpoint)[0], {"owner__id__exact": endpoint.owner_id}).status_code == 200


def test_an_endpoints_state_and_owner_are_shown(admin_client, failed):
    disable_by_itself(failed.endpoint)
    listing, page = pages(failed.endpoint)
    for address in (listing, f"{listing}?q=anna", page):
        text = admin_client.get(address).content.decode()
        assert "anna" in text
        assert "disabled: It answered 410 Gone." in text
    assert "anna" not in admin_client.get(f"{listing}?q=nobody").content.decode()


def test_a_delivery_shows_its_body_and_its_attempts(admin_client, failed):
    text = admin_client.get(pages(failed)[1]).content.decode()
    assert "job.ended" in text
    assert "500, 120 ms" in text
    listing = pages(failed)[0]
    other = make_failed(make_endpoint(failed.endpoint.owner))
    for query in (f"endpoint={failed.endpoint_id}", f"q={failed.event.uid}"):
        shown = admin_client.get(f"{listing}?{query}").content.decode()
        assert f"Delivery {failed.pk}<" in shown
        assert f"Delivery {other.pk}<" not in shown


def test_nothing_is_added_changed_or_deleted(admin_client, failed):
    before = list(Endpoint.objects.values()), list(Delivery.objects.values()), Attempt.objects.count()
    for row in (failed, failed.endpoint):
        listing, page = pages(row)
        assert admin_client.get(f"{listing}add/").status_code == 403
        assert admin_client.post(page, {"state": "pending", "url": "http://a.test/"}).status_code == 403
        assert admin_client.post(page.replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert (list(Endpoint.objects.values()), list(Delivery.objects.values()), Attempt.objects.count()) == before


def test_staff_need_djangos_permission_to_view_them(client, failed):
    staff = User.objects.create_user("staff", is_staff=True)
    client.force_login(staff)
    for row in (failed, failed.endpoint):
        assert client.get(pages(row)[0]).status_code == 403


@pytest.mark.parametrize("row", ["endpoint", "delivery"])
def test_a_list_costs_the_same_few_queries_whatever_it_holds(admin_client, failed, row, django_assert_max_num_queries):
    for _ in range(12):
        make_failed(make_endpoint(failed.endpoint.owner), attempts=1)
    with django_assert_max_num_queries(4):  # session, user, count, page
        assert admin_client.get(reverse(f"admin:webhooks_{row}_changelist")).status_code == 200
