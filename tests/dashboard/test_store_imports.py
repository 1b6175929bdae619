"""The store master's import: upload, look, store, correct what was rejected."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from dashboard.pages import stores as import_page
from stores import imports
from stores.models import Store, StoreImport
from tests.stores.files import store_file
from tests.tables.files import HEADER, workbook

pytestmark = pytest.mark.django_db
UPLOAD = "/stores/import/"


def page(store_import):
    return f"/stores/import/{store_import.pk}/"


def apply_page(store_import):
    return f"{page(store_import)}apply/"


def again_page(store_import):
    return f"{page(store_import)}again/"


def rejects_page(store_import):
    return f"{page(store_import)}rejects.csv"


def upload(client, *rows, name="stores.csv", **options):
    file = SimpleUploadedFile(name, store_file(*rows).getvalue())
    return client.post(UPLOAD, {"file": file, **options}, follow=True)


def words(response):
    return " ".join(re.sub(r"<[^>]*>", " ", response.text).split())


def messages(response):
    return [str(message) for message in response.context["messages"]]


def person_with(*codenames):
    person = User.objects.create_user("-".join(codenames) or "nobody")
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(person)
    return client


def test_an_upload_shows_what_would_change_and_stores_nothing(admin_client):
    Store.objects.create(store_id="X1", name="OLD", area_code="A")
    Store.objects.create(store_id="X2", name="GONE", area_code="A")
    response = upload(admin_client, "B,ONE,X1", "A,CAFÃ‰,X3")
    made = StoreImport.objects.get()
    assert response.redirect_chain == [(page(made), 302)]
    text = words(response)
    assert "Nothing is stored yet. This is what the import would do. Uploaded just now by admin." in text
    assert "2 X1 OLD ONE A B" in text
    assert "X2 GONE A" in text
    assert "3 X3 CAFÉ A" in text
    assert "3 CAFÃ‰ CAFÉ" in text
    assert "1 doubly encoded name repaired" in text
    assert list(Store.objects.order_by("store_id").values_list("name", flat=True)) == ["OLD", "GONE"]
    assert made.uploaded_by_name == "admin"


def test_what_was_stored_says_by_whom_and_can_be_stored_once(admin_client, admin_user):
    upload(admin_client, "A,ONE,X1")
    made = StoreImport.objects.get()
    assert "Import 1 store" in words(admin_client.get(page(made)))
    response = admin_client.post(apply_page(made), follow=True)
    assert messages(response) == [f"Stored stores.csv: {StoreImport.objects.get().report['summary']}."]
    assert "Stored just now by admin." in words(response)
    assert Store.objects.get().name == "ONE"
    assert StoreImport.objects.get().stored_by == admin_user
    assert apply_page(made) not in response.text
    assert "Other options" not in response.text

    response = admin_client.post(apply_page(made), follow=True)
    assert messages(response) == ["The file stores.csv is stored already."]


def test_a_file_with_rejects_offers_them_and_no_import(admin_client):
    response = upload(admin_client, "A,ONE,X1", "A,,X2", name="north.csv")
    made = StoreImport.objects.get()
    assert "This file cannot be stored as it is. Rows are rejected: correct them" in words(response)
    assert "3 StoreName is blank" in words(response)
    assert 'type="submit" disabled>Import 1 store</button>' in response.text
    assert rejects_page(made) in response.text
    assert messages(admin_client.post(apply_page(made), follow=True))[0].startswith("Rows are rejected")
    assert not Store.objects.exists()

    download = admin_client.get(rejects_page(made))
    assert download["Content-Type"] == "text/csv; charset=utf-8"
    assert download["Content-Disposition"] == 'attachment; filename="north-rejects.csv"'
    rejects = download.getvalue().decode("utf-8-sig")
    assert rejects.splitlines()[1:] == ['"A","","X2","3","StoreName: is blank"']

    file = SimpleUploadedFile("corrected.csv", rejects.replace('"A","",', '"A","TWO",').encode())
    response = admin_client.post(UPLOAD, {"file": file}, follow=True)
    assert "ignored columns: “Line” , “Reason” ." in words(response).replace("”,", "” ,").replace("”.", "” .")
    admin_client.post(apply_page(StoreImport.objects.latest("pk")))
    assert Store.objects.get().name == "TWO"


@pytest.mark.parametrize(("number", "more"), [(20, False), (21, True)])
def test_ignored_columns_are_named_up_to_a_number_and_a_length(admin_client, number, more):
    titles = ",".join(f"{'x' * 60}{column}" for column in range(number))
    content = f"AreaCode,StoreName,StoreID,{titles}\nA,ONE,X1,{',' * (number - 1)}\n".encode()
    response = admin_client.post(UPLOAD, {"file": SimpleUploadedFile("s.csv", content)}, follow=True)
    assert words(response).count("xxx…”") == 20
    assert (", …." in words(response)) == more


def test_a_dry_run_is_repeated_with_other_options_on_the_same_file(admin_client):
    upload(admin_client, "A,ONE,X1", "A,,X2")
    first = StoreImport.objects.get()
    assert "rejected rows keep the whole file out" in words(admin_client.get(page(first)))
    response = admin_client.post(again_page(first), {"rest": "skip_rejected"}, follow=True)
    second = StoreImport.objects.latest("pk")
    assert response.redirect_chain == [(page(second), 302)]
    assert "rejected rows are left out" in words(response)
    assert second.name == "stores.csv"
    admin_client.post(apply_page(second), follow=True)
    assert Store.objects.get().name == "ONE"

    (message,) = messages(admin_client.post(again_page(first), {"encoding": "klingon"}, follow=True))
    assert message.startswith("stores.csv: the file cannot be read in the encoding 'klingon', which is not known; ")
    StoreImport.objects.update(content=b"")
    assert "upload it again" in messages(admin_client.post(again_page(first), {}, follow=True))[0]
    assert StoreImport.objects.count() == 2


def test_the_encoding_can_be_corrected_without_another_upload(admin_client):
    content = "AreaCode,StoreName,StoreID\nA,Café,X1\n".encode("cp850")
    admin_client.post(UPLOAD, {"file": SimpleUploadedFile("s.csv", content)})
    first = StoreImport.objects.get()
    assert 'name="encoding" value=""' in admin_client.get(page(first)).text
    response = admin_client.post(again_page(first), {"encoding": "cp850"}, follow=True)
    assert "Café" in words(response)
    assert 'name="encoding" value="cp850"' in response.text


@pytest.mark.parametrize("rest", ["", "skip_rejected", "prune"])
def test_the_options_can_be_chosen_with_the_upload(admin_client, rest):
    assert f'name="rest" value="{rest}"' in admin_client.get(UPLOAD).text
    upload(admin_client, "A,ONE,X1", rest=rest)
    made = StoreImport.objects.get()
    assert (made.skip_rejected, made.prune) == (rest == "skip_rejected", rest == "prune")


def test_an_id_in_several_lines_is_shown_with_them(admin_client):
    text = words(upload(admin_client, "A,ONE,X1", "A,TWO,X1"))
    assert "X1 2, 3" in text
    assert "keep one line of each" in text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x89PNG\r\n\0", "the file is an image"),
        (b"\1\0\0", "holds a NUL character"),
        (b"", "is empty"),
        (b"AreaCode|StoreName|StoreID\n", "separated by bars"),
        (b"a,b\n", "the header lacks"),
    ],
)
def test_a_file_that_is_no_store_master_is_refused_with_its_name(admin_client, content, sentence):
    response = admin_client.post(UPLOAD, {"file": SimpleUploadedFile("photo.png", content)}, follow=True)
    (message,) = messages(response)
    assert message.startswith("photo.png")
    assert sentence in message
    assert not StoreImport.objects.exists()


@pytest.mark.parametrize("codenames", [(), ("view_store",), ("add_store",), ("change_store", "view_store")])
def test_who_may_not_add_and_change_stores_may_not_import(codenames):
    client = person_with(*codenames)
    made = imports.dry_run(store_file("A,,X1"), "s.csv", None)
    assert client.get(UPLOAD).status_code == upload(client, "A,ONE,X1").status_code == 403
    assert client.post(apply_page(made)).status_code == client.post(again_page(made)).status_code == 403
    assert client.get(page(made)).status_code == client.get(rejects_page(made)).status_code == 403
    assert UPLOAD not in client.get("/stores/").text


def test_who_may_add_and_change_stores_imports_but_does_not_prune():
    client = person_with("add_store", "change_store")
    assert 'value="prune"' not in client.get(UPLOAD).text
    assert upload(client, "A,ONE,X1", rest="prune").status_code == 403
    upload(client, "A,ONE,X1")
    made = StoreImport.objects.get()
    assert not made.prune
    assert 'value="prune"' not in client.get(page(made)).text
    assert client.post(apply_page(made)).status_code == 302
    assert Store.objects.count() == 1

    pruning = imports.dry_run(store_file("A,TWO,X2"), "s.csv", None, prune=True)
    assert apply_page(pruning) not in client.get(page(pruning)).text
    assert client.post(apply_page(pruning)).status_code == 403
    assert Store.objects.get().name == "ONE"


def test_who_may_delete_stores_too_may_prune():
    Store.objects.create(store_id="OLD", name="OLD", area_code="A")
    client = person_with("add_store", "change_store", "delete_store")
    assert "These will be deleted." in words(upload(client, "A,ONE,X1", rest="prune"))
    response = client.post(apply_page(StoreImport.objects.get()), follow=True)
    assert "These were deleted." in words(response)
    assert Store.objects.get().name == "ONE"


def test_who_may_view_imports_sees_them_and_changes_nothing():
    client = person_with("view_storeimport")
    made = imports.dry_run(store_file("A,,X1", "A,TWO,X2"), "s.csv", None, skip_rejected=True)
    assert f'href="{UPLOAD}"' in client.get("/stores/").text
    listed = client.get(UPLOAD)
    assert "2 rows: 1 new" in words(listed)
    assert 'type="file"' not in listed.text
    text = client.get(page(made)).text
    assert apply_page(made) not in text
    assert again_page(made) not in text
    assert client.get(rejects_page(made)).status_code == 200
    assert upload(client, "A,ONE,X1").status_code == 403
    assert client.post(apply_page(made)).status_code == client.post(again_page(made)).status_code == 403
    assert not Store.objects.exists()


def test_a_deleted_file_is_shown_as_no_longer_kept(admin_client):
    made = imports.dry_run(store_file("A,,X1"), "s.csv", None, skip_rejected=True)
    StoreImport.objects.update(content=b"")
    response = admin_client.get(page(made))
    assert "The file is no longer kept. Upload it again to import it." in words(response)
    assert apply_page(made) not in response.text
    assert rejects_page(made) not in response.text
    assert "no longer kept" in messages(admin_client.get(rejects_page(made), follow=True))[0]


def test_what_was_never_there_is_not_found(admin_client):
    assert admin_client.post("/stores/import/7/apply/").status_code == 404
    assert admin_client.post("/stores/import/7/again/").status_code == 404
    assert admin_client.get("/stores/import/7/rejects.csv").status_code == 404
    made = imports.dry_run(store_file("A,ONE,X1"), "s.csv", None)
    assert admin_client.get(apply_page(made)).status_code == 405
    assert admin_client.get(again_page(made)).status_code == 405
    assert not Store.objects.exists()


def test_an_import_asked_for_by_another_site_is_refused(admin_user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    made = imports.dry_run(store_file("A,ONE,X1"), "s.csv", None)
    assert client.post(apply_page(made)).status_code == 403
    assert not Store.objects.exists()


@pytest.mark.parametrize(("rows", "more"), [(2, False), (3, True)])
def test_long_lists_are_cut_and_counted(admin_client, monkeypatch, rows, more):
    monkeypatch.setattr(import_page, "MOST_ROWS", 2)
    Store.objects.bulk_create(Store(store_id=f"OLD{n}", name="OLD", area_code="A") for n in range(rows))
    rejected = ["A,,X1"] * rows
    new = [f"A,NEW,N{n}" for n in range(rows)]
    repaired = [f"A,CAFÃ‰,R{n}" for n in range(rows)]
    response = upload(admin_client, *rejected, *repaired, *new)
    text = words(response)
    assert ("The first 2 of 3; the file to download holds all." in text) == more
    assert text.count("The first 2 of 3") == (3 if more else 0)  # rejected, missing, repaired
    assert f"The first 2 of {2 * rows}." in text  # new
    assert "4 StoreName is blank" not in text


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
    made = StoreImport.objects.get()
    for where in (UPLOAD, page(made), "/admin/stores/storeimport/", "/admin/stores/store/"):
        text = admin_client.get(where).text
        assert "alert(1)</script>" not in text
        assert not re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)


def test_an_imports_page_and_their_list_cost_few_queries_whatever_the_file(admin_client, django_assert_max_num_queries):
    for _ in range(20):
        imports.dry_run(store_file(*[f"A,SHOP,X{n}" for n in range(300)], *["A,,B"] * 300), "s.csv", None)
    with django_assert_max_num_queries(5):  # session, user, the import, its report, open alerts
        response = admin_client.get(page(StoreImport.objects.latest("pk")))
    assert "The first 100 of 300" in words(response)
    with django_assert_max_num_queries(4):  # session, user, page, open alerts
        assert words(admin_client.get(UPLOAD)).count("s.csv") == 20


def test_a_workbook_is_imported_by_the_sheet_that_is_named(admin_client):
    content = workbook(
        ["x"], header=["Read me"], sheet="Notes", Stores=[HEADER, ["A", "ONE", "X1"], ["#N/A", "TWO", 7]]
    )
    file = SimpleUploadedFile("stores.xlsx", content)
    (message,) = messages(admin_client.post(UPLOAD, {"file": file}, follow=True))
    assert message.startswith(
        "stores.xlsx: line 1: the header lacks AreaCode, StoreName, StoreID; it names 'Read me'; "
    )
    assert message.endswith("another sheet can be named (field Sheet): 'Stores'.")
    file.seek(0)
    response = admin_client.post(UPLOAD, {"file": file, "sheet": "stores", "rest": "skip_rejected"}, follow=True)
    made = StoreImport.objects.get()
    text = words(response)
    assert "Read as the sheet &#x27;Stores&#x27;, one of 2;" in text
    assert 'value="stores"' in response.text
    rejects = admin_client.get(rejects_page(made))
    assert rejects["Content-Disposition"] == 'attachment; filename="stores-rejects.csv"'
    assert '"#N/A","TWO","7","3","AreaCode: holds the error \'#N/A\' (cell A3)"' in rejects.getvalue().decode()
    admin_client.post(apply_page(made))
    assert Store.objects.get().name == "ONE"


def test_doubtful_cells_are_told_and_invisible_ones_shown(admin_client):
    Store.objects.create(store_id="GONE\u200b", name="X", area_code="A\u202e")
    response = upload(admin_client, 'A,ONE,"=""000123"""', "A,TWO,8.9E+11")
    assert "Worth a look" in response.text
    assert "1 cell is a number that a spreadsheet shortened: its last digits are lost" in words(response)
    assert "GONE&lt;U+200B&gt;" in response.text
    assert "A&lt;U+202E&gt;" in response.text
    assert "GONE&lt;U+200B&gt;" in admin_client.get("/stores/").text
    assert "\u200b" not in admin_client.get(f"/stores/{Store.objects.get().pk}/").text
