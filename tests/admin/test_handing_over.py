"""The admin shows rows; where people act on them, it leads to the dashboard's page for the very thing."""

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import NoReverseMatch

from dashboard.filters import LONGEST_SEARCH
from jobs import errors, queue
from jobs.admin import job as job_admin
from jobs.admin.job import JobAdmin
from jobs.models import Job, JobAction, PausedHost
from retail_pulse import admin as shared
from stores import imports
from stores.models import Store, StoreImport
from tests.admin.conftest import list_page, row_page
from tests.factories import failure, make_worker, pause_host, states, submit_job, submit_visits
from tests.stores.files import store_file

pytestmark = pytest.mark.django_db
HISTORY = "/admin/stores/storeimport/"


def choose(client, action, *jobs, page=None, **more):
    choice = {"action": action, "_selected_action": [job.pk for job in jobs], **more}
    return client.post(page or list_page(Job), choice, follow=True)


def messages(response):
    return [str(message) for message in response.context["messages"]]


def staff(*codenames):
    person = User.objects.create_user("-".join(codenames) or "nobody", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def made():
    return imports.dry_run(store_file("A,,X1", "A,TWO,X2"), "s.csv", None, skip_rejected=True)


def test_a_job_leads_to_its_page_on_the_dashboard(admin_client):
    job = submit_job(1)
    for page in (list_page(Job), row_page(job)):
        assert f'href="/jobs/{job.pk}/"' in admin_client.get(page).text
    assert admin_client.get(f"/jobs/{job.pk}/").status_code == 200


def test_one_chosen_job_opens_its_own_page_although_a_store_has_its_number(admin_client):
    job = submit_job(1)
    submit_visits((str(job.pk), ["http://good.test/1.jpg"]))
    response = choose(admin_client, "open_on_dashboard", job)
    assert response.redirect_chain == [(f"/jobs/{job.pk}/", 302)]


def test_chosen_jobs_and_no_others_are_opened_on_the_dashboard(admin_client):
    one, _, three = (submit_job(1) for _ in range(3))
    response = choose(admin_client, "open_on_dashboard", one, three)
    assert response.redirect_chain == [(f"/jobs/?q={one.pk}+{three.pk}", 302)]
    assert [job.pk for job in response.context["jobs"]] == [three.pk, one.pk]
    assert not JobAction.objects.exists()


@pytest.mark.parametrize(("most", "opened"), [(3, True), (2, False)])
def test_all_that_match_are_opened_where_they_are_not_too_many(admin_client, monkeypatch, most, opened):
    monkeypatch.setattr(job_admin, "MOST_CHOSEN", most)
    jobs = [submit_job(1) for _ in range(3)]
    response = choose(admin_client, "open_on_dashboard", jobs[0], select_across="1")
    if opened:
        assert len(response.context["jobs"]) == 3
    else:
        assert messages(response) == ["Choose at most 2 jobs here; the dashboard acts on all jobs that match a filter."]


def test_as_many_ids_as_can_be_chosen_fit_into_the_dashboards_search():
    assert len(" ".join([str(2**63 - 1)] * job_admin.MOST_CHOSEN)) <= LONGEST_SEARCH


@pytest.mark.parametrize("action", ["cancel_jobs", "pause_jobs", "resume_jobs", "retry_failed_images"])
@pytest.mark.parametrize("page", ["list", "job"])
def test_no_request_to_the_admin_changes_a_job(admin_client, action, page):
    failed, waiting = submit_job(1), submit_job(1)
    worker = make_worker()
    queue.record(worker, [failure(claim, errors.NotAnImage()) for claim in queue.claim(worker, limit=1)])
    address = list_page(Job) if page == "list" else row_page(failed)
    choose(admin_client, action, failed, waiting, page=address, confirmed="yes")
    choose(admin_client, "", failed, waiting, page=address, confirmed="yes", **{"CHANGE_FORM-action": action})
    assert (states(failed), states(waiting), JobAction.objects.count()) == (["failed"], ["pending"], 0)


def test_who_may_not_view_jobs_opens_none():
    assert choose(staff(), "open_on_dashboard", submit_job(1)).status_code == 403


def test_a_jobs_page_shows_its_history(admin_client):
    job = submit_job(1)
    admin_client.post(f"/jobs/{job.pk}/act/", {"act": "pause"})
    page = admin_client.get(row_page(job)).text
    assert "history" in page
    assert "pause" in page


def test_a_paused_host_leads_to_the_button_that_has_it_tried_again(admin_client):
    host = pause_host("photos.test:443")
    for page in (list_page(PausedHost), row_page(host)):
        assert 'href="/operations/?host=photos.test%3A443"' in admin_client.get(page).text
    text = admin_client.get("/operations/?host=photos.test%3A443").text
    assert 'name="host" value="photos.test:443"' in text


def test_no_request_to_the_admin_has_a_host_tried_again(admin_client):
    choose(admin_client, "try_again", pause_host("photos.test:443"), page=list_page(PausedHost))
    assert PausedHost.objects.exists()


def test_stores_and_imports_lead_to_the_dashboards_import_and_to_each_other(admin_client, made):
    for page in ("/admin/stores/store/", HISTORY):
        assert 'href="/stores/import/"' in admin_client.get(page).text
    assert f'href="{HISTORY}"' in admin_client.get("/admin/stores/store/").text
    assert 'href="/admin/stores/store/"' in admin_client.get(HISTORY).text
    assert f'href="{HISTORY}{made.pk}/change/"' in admin_client.get(HISTORY).text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/admin/stores/store/import/", "/stores/import/"),
        (HISTORY + "{pk}/change/", "/stores/import/{pk}/"),
        (HISTORY + "{pk}/apply/", "/stores/import/{pk}/"),
        (HISTORY + "{pk}/again/", "/stores/import/{pk}/"),
        (HISTORY + "{pk}/rejects.csv", "/stores/import/{pk}/rejects.csv"),
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_address_of_the_admins_own_pages_leads_to_the_dashboards(admin_client, made, old, new, method):
    response = getattr(admin_client, method)(old.format(pk=made.pk))
    assert (response.status_code, response["Location"]) == (302, new.format(pk=made.pk))
    assert StoreImport.objects.get().stored_at is None
    assert not Store.objects.exists()


@pytest.mark.parametrize(
    "path", ["/admin/stores/store/import/", *(HISTORY + p for p in ("{pk}/change/", "{pk}/apply/"))]
)
def test_strangers_are_asked_to_sign_in_there(client, made, path):
    assert client.get(path.format(pk=made.pk))["Location"].startswith("/admin/login/")


def test_what_was_never_there_is_not_found(admin_client):
    for path in ("7/apply/", "7/rejects.csv"):
        assert admin_client.get(f"{HISTORY}{path}", follow=True).status_code == 404
    for path in ("7/change/", "x/change/", "_00/change/"):
        assert admin_client.get(f"{HISTORY}{path}")["Location"] == "/admin/"


@pytest.mark.parametrize("codenames", [(), ("view_store",), ("add_store",), ("change_store", "view_store")])
def test_who_may_neither_import_nor_view_imports_is_led_to_none(codenames, made):
    client = staff(*codenames)
    assert client.get(HISTORY).status_code == client.get(f"{HISTORY}{made.pk}/change/").status_code == 403
    if "view_store" in codenames:
        assert "import" not in client.get("/admin/stores/store/").text.lower().replace("important", "")


def test_who_may_view_imports_sees_their_list_and_no_way_to_import(made):
    text = staff("view_storeimport").get(HISTORY).text
    assert "2 rows: 1 new" in text
    assert "/stores/import/" not in text


def test_who_may_add_and_change_stores_is_led_to_the_import():
    client = staff("add_store", "change_store")
    assert 'href="/stores/import/"' in client.get("/admin/stores/store/").text
    assert 'href="/stores/import/"' in client.get(HISTORY).text


def test_imports_can_neither_be_added_nor_changed_nor_deleted_by_hand(admin_client, made):
    assert admin_client.get(f"{HISTORY}add/").status_code == 403
    admin_client.post(f"{HISTORY}{made.pk}/change/", {"name": "other"})
    assert admin_client.post(f"{HISTORY}{made.pk}/delete/", {"post": "yes"}).status_code == 403
    assert StoreImport.objects.get().name == "s.csv"


def test_the_list_of_imports_costs_few_queries(admin_client, django_assert_max_num_queries):
    for _ in range(20):
        imports.dry_run(store_file("A,SHOP,X1"), "s.csv", None)
    with django_assert_max_num_queries(4):  # session, user, count, page
        assert admin_client.get(HISTORY).text.count("s.csv") >= 20


def test_without_a_dashboard_there_are_no_links_and_an_import_has_a_page_of_its_few_fields(
    admin_client, made, monkeypatch
):
    def reverse_nothing(name, args):
        raise NoReverseMatch(name)

    job, host = submit_job(1), pause_host("photos.test:443")
    monkeypatch.setattr(shared, "reverse", reverse_nothing)
    assert JobAdmin(Job, site).open(job) == "-"
    assert messages(choose(admin_client, "open_on_dashboard", job)) == ["This service has no dashboard."]
    for page in (row_page(job), row_page(host), list_page(PausedHost), "/admin/stores/store/", HISTORY):
        assert 'href="/jobs/' not in admin_client.get(page).text
        assert 'href="/stores/import/' not in admin_client.get(page).text
        assert 'href="/operations/' not in admin_client.get(page).text
    assert "s.csv" in admin_client.get(f"{HISTORY}{made.pk}/change/").text
