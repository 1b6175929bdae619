"""The store master's pages: list, store, and imports that are dry runs first."""

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile

from stores.models import Store, StoreImport
from tests.dashboard.conftest import HOSTILE
from tests.factories import make_stores

pytestmark = pytest.mark.django_db

GOOD = b"AreaCode,StoreName,StoreID\nN,First,S1\nN,Second,S2\n"
BAD = b"AreaCode,StoreName,StoreID\nN,First,S1\nN,,S2\nN,Third,S3\nN,Third,S3\n"


@pytest.fixture
def importer(page, anna):
    anna.user_permissions.set(Permission.objects.filter(codename__in=["add_store", "change_store"]))
    page.force_login(User.objects.get(pk=anna.pk))
    return page


def upload(page, content, name="stores.csv", **fields):
    return page.post("/stores/import/", {"file": SimpleUploadedFile(name, content), **fields}, follow=True)


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def listed(answer):
    return [store.store_id for store in answer.context["stores"]]


def test_stores_come_in_the_order_of_their_ids_page_by_page(page):
    make_stores(*(f"S{number:03}" for number in range(51)))
    first = page.get("/stores/")
    assert listed(first) == [f"S{number:03}" for number in range(50)]
    assert listed(page.get("/stores/", {"after": first.context["next"]})) == ["S050"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "s2"}, ["S2"]),
        ({"q": "shop"}, ["S1", "S2"]),
        ({"area": "A-1"}, ["S1", "S2"]),
        ({"area": "no"}, []),
        ({"q": "%"}, []),
    ],
)
def test_a_search_finds_parts_of_ids_and_names_and_a_filter_areas(page, query, found):
    make_stores("S1", "S2")
    assert listed(page.get("/stores/", query)) == found


def test_a_stores_page_takes_as_many_queries_for_many_visits(page, job, django_assert_max_num_queries):
    store = Store.objects.get()
    with django_assert_max_num_queries(16):  # two of them for what anna may
        page.get(f"/stores/{store.pk}/")


def test_a_store_that_there_is_not_is_not_found(page):
    assert page.get("/stores/1/").status_code == 404


def test_an_upload_is_a_dry_run_and_stores_nothing(importer):
    answer = upload(importer, GOOD)
    assert "Nothing is stored yet" in answer.text
    assert "Import 2 stores" in answer.text
    assert Store.objects.count() == 0


def test_then_it_is_imported_once(importer):
    upload(importer, GOOD)
    made = StoreImport.objects.get()
    answer = importer.post(f"/stores/import/{made.pk}/apply/", follow=True)
    assert said(answer)[0].startswith("Stored stores.csv: 2 rows: 2 new")
    assert Store.objects.count() == 2
    answer = importer.post(f"/stores/import/{made.pk}/apply/", follow=True)
    assert said(answer) == ["The file stores.csv is stored already."]


def test_a_file_with_rejects_says_why_it_cannot_be_stored_and_offers_the_rejected_rows(importer):
    answer = upload(importer, BAD)
    made = StoreImport.objects.get()
    assert "This file cannot be stored as it is" in answer.text
    assert "is blank" in answer.text
    assert "disabled" in answer.text
    rejects = b"".join(importer.get(f"/stores/import/{made.pk}/rejects.csv").streaming_content).decode()
    assert len(rejects.splitlines()) == 4
    importer.post(f"/stores/import/{made.pk}/apply/")
    assert Store.objects.count() == 0


def test_the_same_file_can_be_tried_with_other_options(importer):
    upload(importer, b"AreaCode,StoreName,StoreID\nN,First,S1\nN,,S2\n")
    made = StoreImport.objects.get()
    answer = importer.post(f"/stores/import/{made.pk}/again/", {"rest": "skip_rejected"}, follow=True)
    assert "Import 1 store" in answer.text
    assert StoreImport.objects.count() == 2


def test_who_may_not_delete_stores_may_not_prune(importer):
    upload(importer, GOOD)
    made = StoreImport.objects.get()
    assert importer.post(f"/stores/import/{made.pk}/again/", {"rest": "prune"}).status_code == 403


def test_a_prune_deletes_what_the_file_does_not_name(admin_client):
    make_stores("old")
    upload(admin_client, GOOD)
    made = StoreImport.objects.get()
    answer = admin_client.post(f"/stores/import/{made.pk}/again/", {"rest": "prune"}, follow=True)
    assert "and delete 1" in answer.text
    admin_client.post(f"/stores/import/{StoreImport.objects.order_by('-pk').first().pk}/apply/")
    assert set(Store.objects.values_list("store_id", flat=True)) == {"S1", "S2"}


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"a,b\n1,2\n", b"\xff\xfeA"])
def test_a_file_that_is_no_store_master_is_refused_with_a_reason(importer, content):
    answer = upload(importer, content)
    assert len(said(answer)) == 1
    assert StoreImport.objects.count() == 0


def test_an_unknown_encoding_is_reported(importer):
    assert "which is not known; known are utf-8" in said(upload(importer, GOOD, encoding="klingon"))[0]


def test_without_a_file_nothing_happens(importer):
    assert said(importer.post("/stores/import/", follow=True)) == ["Choose a file to upload."]


def test_what_a_file_says_is_text(importer):
    answer = upload(importer, f"AreaCode,StoreName,StoreID\nN,{HOSTILE},S1\n".encode(), name=f"{HOSTILE}.csv")
    assert HOSTILE not in answer.text
    importer.post(f"/stores/import/{StoreImport.objects.get().pk}/apply/")
    assert HOSTILE not in importer.get("/stores/").text


@pytest.mark.parametrize("path", ["", "again/", "apply/", "rejects.csv"])
def test_strangers_to_imports_find_nothing(page, anna, importer, path):
    upload(importer, GOOD)
    made = StoreImport.objects.get()
    anna.user_permissions.clear()
    page.force_login(User.objects.get(pk=anna.pk))
    ask = page.post if path in ("again/", "apply/") else page.get
    assert ask(f"/stores/import/{made.pk}/{path}").status_code == 403
