"""The store master's import in the admin: upload, look, store, mend."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from stores import imports
from stores.admin import store_import as import_page
from stores.models import Store, StoreImport
from tests.stores.files import store_file

pytestmark = pytest.mark.django_db
UPLOAD = "/admin/stores/store/import/"
HISTORY = "/admin/stores/storeimport/"


def page(store_import):
    return reverse("admin:stores_storeimport_change", args=[store_import.pk])


def apply_page(store_import):
    return reverse("admin:stores_storeimport_apply", args=[store_import.pk])


def again_page(store_import):
    return reverse("admin:stores_storeimport_again", args=[store_import.pk])


def rejects_page(store_import):
    return reverse("admin:stores_storeimport_rejects", args=[store_import.pk])


def upload(client, *rows, name="stores.csv", **options):
    file = SimpleUploadedFile(name, store_file(*rows).getvalue())
    return client.post(UPLOAD, {"file": file, **options}, follow=True)


def words(response):
    return " ".join(re.sub(r"<[^>]*>", " ", response.text).split())


def messages(response):
    return [str(message) for message in response.context["messages"]]


def staff(*codenames):
    person = User.objects.create_user("-".join(codenames) or "nobody", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(person)
    return client


def test_the_stores_list_leads_to_the_import_and_the_imports_lead_back(admin_client):
    assert f'href="{UPLOAD}"' in admin_client.get("/admin/stores/store/").text
    assert f'href="{HISTORY}"' in admin_client.get("/admin/stores/store/").text
    for where in (HISTORY, page(imports.rehearse(store_file("A,ONE,X1"), "s.csv", None))):
        assert 'href="/admin/stores/store/"' in admin_client.get(where).text


def test_an_upload_shows_what_would_change_and_stores_nothing(admin_client):
    Store.objects.create(store_id="X1", name="OLD", area_code="A")
    Store.objects.create(store_id="X2", name="GONE", area_code="A")
    response = upload(admin_client, "B,ONE,X1", "A,CAFÃ‰,X3")
    rehearsal = StoreImport.objects.get()
    assert response.redirect_chain == [(page(rehearsal), 302)]
    text = words(response)
    assert "This is a rehearsal: nothing is stored yet." in text
    assert "2 X1 OLD ONE A B" in text
    assert "X2 GONE A" in text
    assert "3 X3 CAFÉ A" in text
    assert "3 CAFÃ‰ CAFÉ" in text
    assert list(Store.objects.order_by("store_id").values_list("name", flat=True)) == ["OLD", "GONE"]
    assert rehearsal.uploaded_by_name == "admin"


def test_the_confirmation_stores_it_and_leaves_an_entry_in_the_log(admin_client, admin_user):
    upload(admin_client, "A,ONE,X1")
    rehearsal = StoreImport.objects.get()
    assert 'value="Store this file"' in admin_client.get(page(rehearsal)).text
    response = admin_client.post(apply_page(rehearsal), follow=True)
    summary = "1 row: 1 new, 0 changed, 0 unchanged, 0 rejected, 0 names mended"
    assert messages(response) == [f"Stored stores.csv: {summary}"]
    assert "stored by admin" in words(response)
    assert Store.objects.get().name == "ONE"
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.get_change_message()) == (
        admin_user, str(rehearsal.pk), f"Stored: {summary}",
    )  # fmt: skip
    assert "Stored: 1 row" in admin_client.get(page(rehearsal).replace("change", "history")).text
    assert "Store this file" not in response.text
    assert "other options" not in response.text


def test_a_second_click_is_told_that_it_is_stored_already(admin_client):
    upload(admin_client, "A,ONE,X1")
    rehearsal = StoreImport.objects.get()
    admin_client.post(apply_page(rehearsal), follow=True)
    response = admin_client.post(apply_page(rehearsal), follow=True)
    assert messages(response) == ["The file stores.csv is stored already."]
    assert LogEntry.objects.count() == 1


def test_a_file_with_rejects_offers_them_and_no_confirmation(admin_client):
    response = upload(admin_client, "A,ONE,X1", "A,,X2", name="north.csv")
    rehearsal = StoreImport.objects.get()
    assert "Rows are rejected: mend them" in words(response)
    assert "3 StoreName is blank" in words(response)
    assert "Store this file" not in response.text
    assert rejects_page(rehearsal) in response.text
    assert messages(admin_client.post(apply_page(rehearsal), follow=True))[0].startswith("Nothing stored. Rows are")
    assert not Store.objects.exists()

    download = admin_client.get(rejects_page(rehearsal))
    assert download["Content-Type"] == "text/csv; charset=utf-8"
    assert download["Content-Disposition"] == 'attachment; filename="north-rejects.csv"'
    rejects = download.getvalue().decode("utf-8-sig")
    assert rejects.splitlines()[1:] == ["A,,X2,3,StoreName: is blank"]

    file = SimpleUploadedFile("mended.csv", rejects.replace("A,,", "A,TWO,").encode())
    response = admin_client.post(UPLOAD, {"file": file}, follow=True)
    assert "Columns ignored: “Line”, “Reason”." in words(response)
    admin_client.post(apply_page(StoreImport.objects.latest("pk")))
    assert Store.objects.get().name == "TWO"


def test_the_same_file_is_rehearsed_again_with_other_options(admin_client):
    upload(admin_client, "A,ONE,X1", "A,,X2")
    first = StoreImport.objects.get()
    response = admin_client.post(again_page(first), {"skip_rejected": "on"}, follow=True)
    second = StoreImport.objects.latest("pk")
    assert response.redirect_chain == [(page(second), 302)]
    assert "rejected rows are left out" in words(response)
    admin_client.post(apply_page(second), follow=True)
    assert Store.objects.get().name == "ONE"
    assert second.name == "stores.csv"

    both = {"skip_rejected": "on", "prune": "on"}
    assert "Choose one" in messages(admin_client.post(again_page(first), both, follow=True))[0]
    assert "no such encoding" in messages(admin_client.post(again_page(first), {"encoding": "klingon"}, follow=True))[0]
    StoreImport.objects.update(content=b"")
    assert "upload it again" in messages(admin_client.post(again_page(first), {}, follow=True))[0]
    assert StoreImport.objects.count() == 2


def test_an_id_in_several_lines_is_shown_with_them(admin_client):
    text = words(upload(admin_client, "A,ONE,X1", "A,TWO,X1"))
    assert "X1 2; 3" in text
    assert "keep one line of each" in text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x89PNG\0\0", "holds a NUL character"),
        (b"", "The submitted file is empty."),
        (b"AreaCode;StoreName;StoreID\n", "separated by semicolons"),
        (b"a,b\n", "the header lacks"),
    ],
)
def test_a_file_that_is_no_store_master_is_refused_beside_its_field(admin_client, content, sentence):
    response = admin_client.post(UPLOAD, {"file": SimpleUploadedFile("photo.png", content)})
    assert sentence in str(response.context["form"].errors["file"])
    assert not StoreImport.objects.exists()


def test_an_upload_without_a_file_or_with_contradicting_options_is_refused(admin_client):
    assert "This field is required." in words(admin_client.post(UPLOAD, {}))
    response = upload(admin_client, "A,ONE,X1", skip_rejected="on", prune="on")
    assert "Choose one" in words(response)
    assert not StoreImport.objects.exists()


@pytest.mark.parametrize("codenames", [(), ("view_store",), ("add_store",), ("change_store", "view_store")])
def test_who_may_not_add_and_change_stores_may_not_import(codenames):
    client = staff(*codenames)
    rehearsal = imports.rehearse(store_file("A,,X1"), "s.csv", None)
    assert client.get(UPLOAD).status_code == upload(client, "A,ONE,X1").status_code == 403
    assert client.post(apply_page(rehearsal)).status_code == client.post(again_page(rehearsal)).status_code == 403
    assert client.get(page(rehearsal)).status_code == client.get(rejects_page(rehearsal)).status_code == 403
    assert client.get(HISTORY).status_code == 403
    if "view_store" in codenames:
        assert UPLOAD not in client.get("/admin/stores/store/").text


def test_who_may_add_and_change_stores_imports_but_does_not_prune():
    client = staff("add_store", "change_store")
    assert 'name="prune"' not in client.get(UPLOAD).text
    upload(client, "A,ONE,X1", prune="on")
    rehearsal = StoreImport.objects.get()
    assert not rehearsal.prune
    assert client.post(apply_page(rehearsal)).status_code == 302
    assert Store.objects.count() == 1

    pruning = imports.rehearse(store_file("A,TWO,X2"), "s.csv", None, prune=True)
    assert "Store this file" not in client.get(page(pruning)).text
    assert client.post(apply_page(pruning)).status_code == 403
    assert Store.objects.get().name == "ONE"


def test_who_may_delete_stores_too_may_prune():
    Store.objects.create(store_id="OLD", name="OLD", area_code="A")
    client = staff("add_store", "change_store", "delete_store")
    assert "Stores missing from the file: 1, to be deleted." in words(upload(client, "A,ONE,X1", prune="on"))
    response = client.post(apply_page(StoreImport.objects.get()), follow=True)
    assert "Stores missing from the file: 1, deleted." in words(response)
    assert Store.objects.get().name == "ONE"


def test_who_may_view_imports_sees_them_and_changes_nothing():
    client = staff("view_storeimport")
    rehearsal = imports.rehearse(store_file("A,,X1", "A,TWO,X2"), "s.csv", None, skip_rejected=True)
    assert "2 rows: 1 new" in words(client.get(HISTORY))
    text = client.get(page(rehearsal)).text
    assert "Store this file" not in text
    assert "other options" not in text
    assert UPLOAD not in client.get(HISTORY).text
    assert client.get(rejects_page(rehearsal)).status_code == 200
    assert client.post(apply_page(rehearsal)).status_code == 403
    assert client.post(page(rehearsal), {"name": "other"}).status_code == 403


def test_a_forgotten_file_is_said_to_be_forgotten(admin_client):
    rehearsal = imports.rehearse(store_file("A,,X1"), "s.csv", None, skip_rejected=True)
    StoreImport.objects.update(content=b"")
    response = admin_client.get(page(rehearsal))
    assert "The file is no longer kept: upload it again." in words(response)
    assert "Store this file" not in response.text
    assert rejects_page(rehearsal) not in response.text
    assert "no longer kept" in messages(admin_client.get(rejects_page(rehearsal), follow=True))[0]


def test_what_was_never_there_is_not_found(admin_client):
    assert admin_client.post(f"{HISTORY}7/apply/").status_code == 404
    assert admin_client.get(f"{HISTORY}7/rejects.csv").status_code == 404
    rehearsal = imports.rehearse(store_file("A,ONE,X1"), "s.csv", None)
    assert admin_client.get(apply_page(rehearsal)).status_code == 405
    assert admin_client.get(again_page(rehearsal)).status_code == 405
    assert not Store.objects.exists()


def test_a_confirmation_from_another_site_is_refused(admin_user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    rehearsal = imports.rehearse(store_file("A,ONE,X1"), "s.csv", None)
    assert client.post(apply_page(rehearsal)).status_code == 403
    assert not Store.objects.exists()


@pytest.mark.parametrize(("rows", "more"), [(2, False), (3, True)])
def test_long_lists_are_cut_and_counted(admin_client, monkeypatch, rows, more):
    monkeypatch.setattr(import_page, "MOST_ROWS", 2)
    text = words(upload(admin_client, *["A,,X1"] * rows))
    assert ("… and 1 more" in text) == more
    assert ("4 StoreName is blank" in text) is False


def test_pages_are_escaped_and_need_nothing_that_the_policy_forbids(admin_client):
    hostile = "<script>alert(1)</script>"
    Store.objects.create(store_id=hostile, name=hostile, area_code=hostile)
    upload(
        admin_client,
        f"{hostile},{hostile},X1",
        f"A,NEW,{hostile}",
        f"A,,{hostile}2",
        f"{hostile},A,X3",
        name=f"{hostile}.csv",
    )
    rehearsal = StoreImport.objects.get()
    for where in (UPLOAD, page(rehearsal), HISTORY, "/admin/stores/store/"):
        text = admin_client.get(where).text
        assert "alert(1)</script>" not in text
        assert not re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)


def test_an_imports_page_and_their_list_cost_few_queries_whatever_the_file(admin_client, django_assert_max_num_queries):
    for _ in range(20):
        imports.rehearse(store_file(*[f"A,SHOP,X{n}" for n in range(300)], *["A,,B"] * 300), "s.csv", None)
    with django_assert_max_num_queries(5):  # session, user, the import, its report, and once its content type
        response = admin_client.get(page(StoreImport.objects.latest("pk")))
    assert "… and 100 more" in words(response)
    with django_assert_max_num_queries(4):  # session, user, count, page
        assert words(admin_client.get(HISTORY)).count("s.csv") == 20
