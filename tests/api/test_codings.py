"""What becomes of a body that is compressed, in another charset, or of another type than its path takes?"""

import gzip
import json
import zlib

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from jobs.models import Job
from stores.models import Store
from tests.api.payloads import assert_nothing_stored, assert_refused, submission
from tests.api.v1.conftest import assert_problem
from tests.tables.files import workbook

pytestmark = pytest.mark.django_db

BODY = json.dumps(submission()).encode()
NAMES = "AreaCode,StoreName,StoreID\nA,Żółć Łódź,S1\n"
PROBLEMS = ["/api/v1/jobs", "/api/v1/jobs:validate", "/api/v1/jobs/1/retry", "/api/v1/store-imports"]
ERRORS = ["/api/submit/", "/api/submit", "/api/token/", "/api/token/refresh/"]
PAGES = ["/sign-in/", "/submit/", "/stores/import/", "/admin/login/", "/appearance/"]


@pytest.fixture
def clerk() -> Client:
    """May import stores."""
    user = User.objects.create_user("clerk")
    user.user_permissions.add(*Permission.objects.filter(codename__in=["add_store", "change_store"]))
    client = Client()
    client.force_login(user)
    return client


def send(path: str, body: bytes, content_type="application/json", client=None, **headers):
    client = client or Client(raise_request_exception=False)
    return client.generic("POST", path, body, content_type=content_type, headers=headers)


ENCODED = {
    "gzip": gzip.compress(BODY),
    "GZIP": gzip.compress(BODY),
    "x-gzip": gzip.compress(BODY),
    "deflate": zlib.compress(BODY),
    "br": b"\x0b\x02\x80",
    "zstd": b"\x28\xb5\x2f\xfd",
    "identity, gzip": gzip.compress(BODY),
    "hex": BODY.hex().encode(),
    "\0": BODY,
}


@pytest.mark.parametrize("path", [*ERRORS, *PROBLEMS, *PAGES])
@pytest.mark.parametrize(("coding", "body"), ENCODED.items(), ids=ENCODED)
def test_a_content_coding_is_refused_on_every_path_with_what_to_do(path, coding, body):
    response = send(path, body, **{"Content-Encoding": coding})

    assert response["Accept-Encoding"] == "identity"
    if path in PAGES:
        assert response.status_code == 415
        sentence = response.text
    elif path in PROBLEMS:
        sentence = assert_problem(response, 415, "compressed-body")["detail"]
    else:
        sentence = assert_refused(response, 415)
    assert "without that header" in sentence
    assert_nothing_stored()


@pytest.mark.parametrize("coding", ["identity", "", "utf-8", "UTF-8", "iso-8859-1", "binary", ",", "none, identity"])
def test_what_is_no_coding_changes_nothing(coding):
    assert send("/api/submit/", BODY, **{"Content-Encoding": coding}).status_code == 201


def test_without_a_body_there_is_nothing_encoded():
    assert Client().get("/api/visits", headers={"Content-Encoding": "gzip"}).status_code == 200


@pytest.mark.parametrize("path", ["/api/submit/", "/api/v1/jobs"])
def test_a_byte_order_mark_before_a_submission_is_read_over_it(path):
    assert send(path, b"\xef\xbb\xbf" + BODY).status_code == 201
    assert Job.objects.get().visits.get().store_id == "T-1"


@pytest.mark.parametrize("path", ["/api/submit/", "/api/v1/jobs"])
def test_utf_16_is_named(path):
    response = send(path, BODY.decode().encode("utf-16"))
    assert response.status_code == 400
    assert "UTF-16, and must be UTF-8" in response.text


@pytest.mark.parametrize("path", [*ERRORS, "/api/v1/jobs/1/retry"])
def test_another_type_is_told_the_one_that_the_path_takes(path):
    response = send(path, BODY, "text/plain")

    assert (response.status_code, response["Accept"]) == (415, "application/json")
    assert "application/json" in response.text


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/jobs:validate"])
def test_another_type_is_told_all_that_the_path_takes(path):
    response = send(path, BODY, "text/plain")

    sentence = assert_problem(response, 415, "wrong-media-type")["detail"]
    types = response["Accept"].split(", ")
    assert {"application/json", "text/csv", "application/x-ndjson"} < set(types)
    assert all(each in sentence for each in types)


def test_an_import_names_the_types_that_it_takes_and_not_json(clerk):
    response = send("/api/v1/store-imports", BODY, client=clerk)

    sentence = assert_problem(response, 415, "wrong-media-type")["detail"]
    types = response["Accept"].split(", ")
    assert {"text/csv", "multipart/form-data"} <= set(types)
    assert all(each in sentence for each in types)
    assert "json" not in sentence


@pytest.mark.parametrize("charset", ["iso-8859-2", "ISO-8859-2", '"cp1250"', "utf-16", "utf-8", "UTF-8", "iso8859-16"])
def test_a_declared_charset_of_a_store_master_is_honoured(clerk, charset):
    content = NAMES.encode(charset.strip('"'))
    made = send("/api/v1/store-imports", content, f"text/csv; charset={charset}", clerk)
    assert made.status_code == 201, made.text
    assert send(f"/api/v1/store-imports/{made.json()['id']}/apply", b"", client=clerk).status_code == 200
    assert Store.objects.get().name == "Żółć Łódź"


def part(content: bytes, charset: str, name="stores.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type=f"text/csv; charset={charset}")


def test_so_is_that_of_a_forms_part(clerk):
    response = clerk.post("/api/v1/store-imports", {"file": part(NAMES.encode("iso-8859-2"), "iso-8859-2")})
    assert response.json()["report"]["new_stores"][0]["name"] == "Żółć Łódź"
    page = clerk.post("/stores/import/", {"file": part(NAMES.encode("iso-8859-2"), "iso-8859-2")}, follow=True)
    assert "Żółć Łódź" in page.text


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_so_is_that_of_visits(clerk, kind):
    rows = "store_id,visit_time,image_url\nŁ-1,noon,http://h/1\n"
    body = json.dumps(
        submission() | {"visits": [{"store_id": "Ł-1", "visit_time": "noon", "image_url": ["http://h/1"]}]}
    )
    text = rows if kind == "csv" else body.replace("\\u0141", "Ł")
    file = part(text.encode("iso-8859-2"), "iso-8859-2", f"visits.{kind}")
    clerk.post("/submit/", {"way": "file", "act": "submit", "file": file})
    assert Job.objects.get().visits.get().store_id == "Ł-1"


@pytest.mark.parametrize("charset", ["klingon", "hex", "%00", "undefined-8", "x" * 60])
def test_an_unknown_charset_is_refused_with_those_that_are_known(clerk, charset):
    response = send("/api/v1/store-imports", NAMES.encode(), f"text/csv; charset={charset}", clerk)
    assert "iso-8859-1 to iso-8859-16" in assert_problem(response, 400, "invalid-submission")["detail"]
    visits = part(b"store_id,visit_time,image_url\ns,t,http://h/1\n", charset)
    assert "iso-8859-1 to iso-8859-16" in clerk.post("/submit/", {"way": "file", "act": "check", "file": visits}).text


@pytest.mark.parametrize("charset", ["utf-8", "us-ascii", "utf-16"])
def test_what_is_not_in_its_declared_charset_is_refused(clerk, charset):
    response = send("/api/v1/store-imports", NAMES.encode("iso-8859-2"), f"text/csv; charset={charset}", clerk)
    assert_problem(response, 400, "invalid-submission")
    visits = part("store_id,visit_time,image_url\nŁ,t,http://h/1\n".encode("iso-8859-2"), charset)
    assert charset.removeprefix("us-") in clerk.post("/submit/", {"way": "file", "act": "check", "file": visits}).text


@pytest.mark.parametrize(
    ("declared", "chosen", "is_read"),
    [
        ("iso-8859-2", "iso-8859-2", True),
        ("iso-8859-2", "latin2", True),
        ("iso-8859-2", "cp1252", False),
        ("utf-8", "iso-8859-2", False),
        ("binary", "iso-8859-2", True),
    ],
)
def test_a_charset_and_an_option_that_contradict_each_other_are_refused(clerk, declared, chosen, is_read):
    path = f"/api/v1/store-imports?encoding={chosen}"
    response = send(path, NAMES.encode("iso-8859-2"), f"text/csv; charset={declared}", clerk)
    if is_read:
        assert response.json()["report"]["new_stores"][0]["name"] == "Żółć Łódź"
    else:
        assert "only one" in assert_problem(response, 400, "invalid-submission")["detail"]


@pytest.mark.parametrize("charset", ["binary", "klingon", "utf-16"])
def test_a_workbook_is_read_whatever_charset_is_declared_for_it(clerk, charset):
    content = workbook(["A", "Żółć Łódź", "S1"])
    kind = f"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet; charset={charset}"
    assert send("/api/v1/store-imports?encoding=cp1252", content, kind, clerk).status_code == 201
    assert "Żółć Łódź" in clerk.post("/stores/import/", {"file": part(content, charset)}, follow=True).text
    visits = workbook(["S1", "noon", "http://h/1"], header=["store_id", "visit_time", "image_url"])
    clerk.post("/submit/", {"way": "file", "act": "submit", "file": part(visits, charset)})
    assert Job.objects.count() == 1


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_form_in_another_charset_is_refused_and_not_garbled(path, kind):
    assert send(path, b"a=%B3", f"{kind}; charset=iso-8859-2").status_code == 415
    assert send(path, b"a=%B3", f"{kind}; charset=UTF-8").status_code != 415


FIELDS = "&".join(f"f{number}=1" for number in range(1_001)).encode()
PARTS = b"".join(b'--x\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n1\r\n' % n for n in range(1_001)) + b"--x--"
FILES = PARTS.replace(b'"\r\n', b'"; filename="x"\r\n')


@pytest.mark.parametrize("path", ["/submit/", "/stores/import/", "/api/v1/store-imports"])
@pytest.mark.parametrize("body", [FIELDS, PARTS, FILES], ids=["fields", "parts", "files"])
def test_a_form_of_more_fields_or_files_than_any_page_has_is_refused(clerk, path, body):
    is_pairs = body is FIELDS
    kind = "application/x-www-form-urlencoded" if is_pairs else "multipart/form-data; boundary=x"
    clerk.raise_request_exception = False
    response = send(path, body, kind, clerk)

    assert response.status_code == (415 if is_pairs and path.startswith("/api/") else 400)
    assert response["Content-Type"].startswith("application/problem+json" if "/api/" in path else "text/html")
