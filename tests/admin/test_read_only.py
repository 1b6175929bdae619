"""What people may see, and that they may change nothing by hand."""

import re

import pytest
from django.contrib.auth.models import Permission, User

from jobs import deletion
from jobs.deletion import slices
from jobs.models import DayTotal, DeletedJob, ImageResult, Job, Visit, Worker
from tests.admin.conftest import HOSTILE_URL, list_page, row_page
from tests.factories import submit_visits

pytestmark = pytest.mark.django_db
MODELS = [Job, Visit, ImageResult, Worker, DeletedJob, DayTotal]


@pytest.fixture(autouse=True)
def deleted(job, monkeypatch):
    """Another job, of which only the record and the totals are left."""
    monkeypatch.setattr(slices, "GRACE_SECONDS", 0)
    deletion.mark(submit_visits(("nowhere", ["http://images.test/1.jpg"])).pk, None)
    deletion.delete_slice(wait=True)


def pages(model):
    return [list_page(model), row_page(model.objects.first())]


@pytest.mark.parametrize("model", MODELS)
def test_rows_can_neither_be_added_nor_deleted_nor_changed(admin_client, job, model):
    row = model.objects.first()
    assert admin_client.get(f"{list_page(model)}add/").status_code == 403
    assert admin_client.post(row_page(row), {"state": "pending", "status": "ongoing"}).status_code == 403
    if model is Job:  # which can be deleted, see test_deleting_jobs.py
        return
    assert admin_client.post(row_page(row).replace("change", "delete"), {"post": "yes"}).status_code == 403
    admin_client.post(list_page(model), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert model.objects.filter(pk=row.pk).exists()


def test_pages_need_a_signed_in_member_of_the_staff(client, job):
    for page in [page for model in MODELS for page in pages(model)]:
        assert client.get(page).headers["Location"].startswith("/admin/login/"), page


@pytest.mark.parametrize("model", MODELS)
def test_the_staff_sees_what_it_has_the_permission_to_view(client, job, model):
    person = User.objects.create_user("viewer", is_staff=True)
    client.force_login(person)
    assert [client.get(page).status_code for page in pages(model)] == [403, 403]
    person.user_permissions.add(Permission.objects.get(codename="view_worker" if model is Worker else "view_job"))
    assert [client.get(page).status_code for page in pages(model)] == [200, 200]


def test_pages_need_nothing_that_the_content_security_policy_forbids(admin_client, job):
    for page in [page for model in MODELS for page in pages(model)]:
        response = admin_client.get(page)
        assert "script-src 'self'" in response.headers["Content-Security-Policy"], page
        assert not re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", response.text), page


def test_what_a_client_sent_is_escaped(admin_client, job):
    for page in [*pages(Job), *pages(Visit), *pages(ImageResult), row_page(ImageResult.objects.get(url=HOSTILE_URL))]:
        text = admin_client.get(page).text
        assert "alert(1)</script>" not in text
        assert "<b>" not in text


def test_the_pages_are_styled_from_the_service_itself(admin_client, job):
    (sheet, *_) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', admin_client.get(list_page(Job)).text)
    response = admin_client.get(sheet)
    assert (response.status_code, response.headers["Content-Type"]) == (200, 'text/css; charset="utf-8"')


def test_the_site_carries_its_name(admin_client):
    page = admin_client.get("/admin/").text
    assert "<title>Stores, jobs and workers | Retail Pulse</title>" in page
    assert "View site" not in page
