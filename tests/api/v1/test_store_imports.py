"""Imports into the store master over the API."""

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from access.models import Scope
from stores.models import Store
from tests.api.v1.conftest import V1, assert_problem
from tests.factories import allow
from tests.tables.files import HEADER, workbook

pytestmark = pytest.mark.django_db

GOOD = b"AreaCode,StoreName,StoreID\nA,Corner,S1\nA,Market,S2\n"
BAD = GOOD + b"A,,S3\n"


@pytest.fixture
def clerk(person):
    return allow(person, "add_store", "change_store")


@pytest.fixture
def api(clerk, as_user):
    return as_user(clerk)


def upload(api, content, query="", content_type="text/csv"):
    return api.client.generic("POST", f"/api/v1/store-imports{query}", content, content_type=content_type)


def test_a_dry_run_shows_what_would_happen_and_stores_nothing(api):
    Store.objects.create(store_id="S1", name="Old", area_code="A")
    response = upload(api, GOOD)

    assert response.status_code == 201
    answer = response.json()
    assert response["Location"] == f"/api/v1/store-imports/{answer['id']}" == answer["links"]["self"]
    assert (answer["state"], answer["refused"], answer["uploaded_by"]) == ("rehearsed", None, "person")
    assert (answer["report"]["new"], answer["report"]["changed"]) == (1, 1)
    assert answer["report"]["changed_stores"][0]["before"]["name"] == "Old"
    assert Store.objects.get().name == "Old"
    assert api.get(f"store-imports/{answer['id']}").json() == answer


def test_applied_it_is_stored_once(api):
    number = upload(api, GOOD).json()["id"]
    applied = api.post(f"store-imports/{number}/apply")

    assert (applied.status_code, applied.json()["state"], applied.json()["stored_by"]) == (200, "stored", "person")
    assert set(Store.objects.values_list("store_id", flat=True)) == {"S1", "S2"}
    assert_problem(api.post(f"store-imports/{number}/apply"), 409, "conflict")
    assert_problem(api.post(f"store-imports/{number}/apply", {"force": True}), 400, "invalid-submission")


def test_a_file_with_rejects_is_not_stored_unless_they_are_left_out(api):
    answer = upload(api, BAD).json()
    assert "rejected" in answer["refused"]
    assert_problem(api.post(f"store-imports/{answer['id']}/apply"), 409, "conflict")
    assert not Store.objects.exists()

    number = upload(api, BAD, "?skip_rejected=true").json()["id"]
    assert api.post(f"store-imports/{number}/apply").status_code == 200
    rejects = api.get(f"store-imports/{number}/rejects.csv")
    assert rejects["Content-Type"] == "text/csv; charset=utf-8"
    assert b'"A","","S3","4",' in b"".join(rejects.streaming_content)


def test_a_deleted_file_has_no_rejects(api):
    number = upload(api, GOOD).json()["id"]
    api.post(f"store-imports/{number}/apply")
    assert_problem(api.get(f"store-imports/{number}/rejects.csv"), 409, "conflict")


def test_a_form_with_one_file_is_accepted(api):
    response = api.client.post("/api/v1/store-imports/", {"file": SimpleUploadedFile("stores.csv", GOOD)})
    assert (response.status_code, response.json()["name"]) == (201, "stores.csv")


@pytest.mark.parametrize(
    "form", [{}, {"file": "text"}, {"flie": SimpleUploadedFile("x", GOOD)},
             {"file": SimpleUploadedFile("x", GOOD), "prune": "true"}],
)  # fmt: skip
def test_a_form_with_anything_else_is_refused(api, form):
    assert_problem(api.client.post("/api/v1/store-imports", form), 400, "invalid-submission")


@pytest.mark.parametrize("content", [b"", b"\0", b"a,b\n", b"\xff\xfe", b"AreaCode,StoreName,StoreID\n\0,\0,\0\n"])
def test_what_is_not_a_store_master_is_refused_or_rejected(api, content):
    response = upload(api, content)
    if response.status_code != 201:
        assert_problem(response, 400, "invalid-submission")
    assert not Store.objects.exists()


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "", "multipart/form-data", "multipart/form-data; boundary=",
                     "multipart/form-data; boundary=x; charset=nonsense"],
)  # fmt: skip
def test_another_type_is_refused(api, content_type):
    response = upload(api, GOOD, content_type=content_type)
    assert response.status_code in (400, 415)
    assert response["Content-Type"] == "application/problem+json"


def test_a_part_whose_header_cannot_be_read_is_refused(api):
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename*0=a; filename*=b-7\r\n\r\nx\r\n--x--'
    assert_problem(upload(api, body, content_type="multipart/form-data; boundary=x"), 400, "invalid-submission")


@pytest.mark.parametrize(
    "query", ["?skip_rejected=yes", "?dry_run=false", "?encoding=", "?prune=1", "?encoding=nonsense", "?encoding=%00",
              "?encoding=hex", "?encoding=utf-16", "?name=" + "x" * 256],
)  # fmt: skip
def test_an_invalid_option_is_refused(api, query):
    response = upload(api, GOOD, query)
    assert response.status_code == 400, response.content
    assert response["Content-Type"] == "application/problem+json"


def test_pruning_needs_its_own_permission(api, clerk, as_user):
    assert_problem(upload(api, GOOD, "?prune=true"), 403, "not-allowed")
    admin = as_user(allow(clerk, "delete_store"))
    number = upload(admin, GOOD, "?prune=true").json()["id"]
    User.objects.get(pk=clerk.pk).user_permissions.remove(Permission.objects.get(codename="delete_store"))
    assert_problem(api.post(f"store-imports/{number}/apply"), 403, "not-allowed")
    allow(clerk, "delete_store")
    problem = assert_problem(upload(admin, GOOD, "?prune=true&skip_rejected=true"), 400, "invalid-request")
    assert [error["parameter"] for error in problem["errors"]] == ["prune", "skip_rejected"]


def test_an_open_api_is_not_open_to_imports():
    response = upload(V1(), GOOD)
    assert_problem(response, 401, "not-signed-in")
    assert response["WWW-Authenticate"]
    for path in ("store-imports/1", "store-imports/1/rejects.csv"):
        assert_problem(V1().get(path), 401, "not-signed-in")


@pytest.mark.parametrize("names", [(), ("add_store",), ("change_store",)])
def test_users_who_may_not_change_stores_may_not_import(person, as_user, names):
    api = as_user(allow(person, *names))
    assert_problem(upload(api, GOOD), 403, "not-allowed")
    assert_problem(api.get("store-imports/1"), 403, "not-allowed")


def test_a_key_imports_only_within_its_scope(clerk, with_key):
    other = with_key(clerk, Scope.READ, Scope.SUBMIT, Scope.MANAGE)
    assert_problem(upload(other, GOOD), 403, "not-allowed")
    assert upload(with_key(clerk, Scope.STORES), GOOD).status_code == 201


@pytest.mark.parametrize("number", ["0", "x", "99999999"])
def test_a_missing_import_is_404(api, number):
    assert_problem(api.get(f"store-imports/{number}"), 404, "not-found")
    assert_problem(api.post(f"store-imports/{number}/apply"), 404, "not-found")


def test_a_session_imports_only_with_its_csrf_token(clerk):
    client = Client(enforce_csrf_checks=True)
    client.force_login(clerk)
    assert_problem(upload(V1(client), GOOD), 403, "not-allowed")
    form = client.post("/api/v1/store-imports", {"file": SimpleUploadedFile("stores.csv", GOOD)})
    assert_problem(form, 403, "not-allowed")


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.mark.parametrize("content_type", [XLSX, "application/vnd.ms-excel.sheet.macroEnabled.12", "text/csv"])
def test_a_workbook_is_read_by_its_content_whatever_its_type(api, content_type):
    content = workbook(["A", "Corner", "S1"], Other=[["x"]])
    response = upload(api, content, content_type=content_type)
    assert response.status_code == 201
    answer = response.json()
    assert (answer["name"], answer["report"]["new"]) == ("upload.xlsx", 1)
    assert answer["report"]["read_as"] == "the sheet 'Stores', one of 2"
    assert api.post(f"store-imports/{answer['id']}/apply").status_code == 200
    assert Store.objects.get().store_id == "S1"
    assert upload(api, GOOD, content_type=XLSX).status_code == 201


def test_a_sheet_is_named_by_a_parameter(api):
    content = workbook(header=["x"], sheet="Notes", Stores=[HEADER, ["A", "Corner", "S1"]])
    number = upload(api, content, "?sheet=Stores").json()["id"]
    assert api.post(f"store-imports/{number}/apply").json()["report"]["new"] == 1
    problem = assert_problem(upload(api, content, "?sheet=Shops"), 400, "invalid-submission")
    assert problem["detail"] == "The file has no sheet 'Shops'; it has 'Notes', 'Stores'."
    assert_problem(upload(api, content, "?sheet="), 400, "invalid-request")
    assert_problem(upload(api, content, "?sheet=" + "x" * 65), 400, "invalid-request")


def test_doubtful_cells_are_in_the_report(api):
    report = upload(api, b"AreaCode,StoreName,StoreID\nA,Corner,8.90123E+11\nA,Market,#N/A\n").json()["report"]
    assert report["warnings"][0] == {
        "code": "shortened",
        "column": "StoreID",
        "count": 1,
        "lines": [2],
        "example": "8.90123E+11",
        "message": "'StoreID': 1 cell is a number that a spreadsheet shortened: its last digits are lost "
        "('8.90123E+11' in line 2).",
    }
    assert "2 doubtful cells" in report["summary"]


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"", "The file is empty; the first line must be AreaCode,StoreName,StoreID."),
        (b"\xff\xfeA\0", "The file is UTF-16; name that encoding, utf-16, with the parameter encoding, or save it as "
                          "UTF-8."),
        (b"AreaCode|StoreName|StoreID", "Line 1: the columns are separated by bars, and the header is not "
                                        "AreaCode,StoreName,StoreID; separate by commas."),
        (b"\x1f\x8b\x08\0", "The file is compressed with gzip; unpack it, and give the file that is in it."),
        (b"AreaCode,StoreName\n", "Line 1: the header lacks StoreID; it names 'AreaCode', 'StoreName'."),
        (GOOD + b'A,"', "Line 4: opens a quotation mark that is never closed; close it, or double it where it is part "
                        "of the text."),
    ],
)  # fmt: skip
def test_every_sentence_is_one_and_fits_the_api(api, content, detail):
    assert assert_problem(upload(api, content), 400, "invalid-submission")["detail"] == detail
