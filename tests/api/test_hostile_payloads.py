"""Does anything that a client can send cause a crash, a page of HTML, or a row?"""

import io
import json
import threading
from wsgiref.util import setup_testing_defaults

import pytest
from django.core.signals import request_started
from django.db import close_old_connections
from django.test import Client

from proofs.hostile_corpus import (
    DUPLICATE_KEYS,
    NOT_JSON,
    NOT_UTF_8,
    TOO_MUCH,
    UNSOUND_TEXT,
    VALID,
    with_extra,
    with_store_id,
)
from retail_pulse.handler import Handler
from tests.api.conftest import API
from tests.api.payloads import assert_nothing_stored, assert_refused, submission, visit

pytestmark = pytest.mark.django_db

CORPUS = {
    f"{kind}: {name}": body
    for kind, bodies in {
        "not JSON": NOT_JSON,
        "not UTF-8": NOT_UTF_8,
        "unsound text": UNSOUND_TEXT,
        "duplicate keys": DUPLICATE_KEYS,
        "too much": TOO_MUCH,
    }.items()
    for name, body in bodies.items()
}
CONTENT_TYPES = [
    "application/json; charset=utf-16", "application/json; charset=latin-1", "application/json; charset=utf-7",
    "application/json; charset=bz2", "application/json; charset=zlib_codec", "application/json; charset=hex",
    "application/json; charset=rot13", "application/json; charset=idna", "application/json; charset=undefined",
    "application/json; charset=unicode_escape", "application/json; charset=bogus", "application/json; charset=",
    "application/json; charset=utf-8-sig", "application/jsonp", "application", "/", "*", ";", "json",
    "application/json, text/html", "application/json\x00", "x" * 9000, "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x", "multipart/form-data",
]  # fmt: skip
UNREADABLE_CONTENT_TYPES = [
    "application/json; charset*=utf-8''%00", "application/json; charset*=bogus''x",
    "application/json; charset*=idna''x", "application/json; charset*=utf-7''+2AA-", "application/json; x" * 2000,
    "application/json; charset*=''", "application/json; charset*0=ut; charset*1=f-7", "text/plain; charset*=hex''%00",
    "application/json; charset*0=ut; charset*=f-7",
]  # fmt: skip
# With one, a form is read before it is refused.
CSRF_COOKIE = "csrftoken=" + "x" * 32
QUERIES = [
    "jobid=%00", "jobid=%ED%A0%80", "jobid=%FF", "jobid=%", "jobid=%zz", "jobid=1%00", "jobid[]=1", "jobid=1;DROP",
    "area=%00", "storeid=%00", "startdate=%00", "enddate=%00", "cursor=%00", "limit=%00", "area=%ED%A0%80",
    "storeid=%ED%A0%80", "startdate=%EF%BC%92", "limit=%EF%BC%91", "limit=1e9", "limit=99999999999999999999",
    "cursor=%ED%A0%80", "cursor=" + "A" * 7000, "%00=1", "%00=%00", "&".join(f"a{n}=1" for n in range(1001)),
    "area=" + "x" * 7000, "startdate=0000-00-00", "enddate=99999-01-01", "startdate=" + "9" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("body", CORPUS.values(), ids=CORPUS)
def test_no_body_gets_past_the_parser(api, body):
    assert len(assert_refused(api.submit(body), 400)) < 300
    assert_nothing_stored()


HEAPS = {
    "empty lists": lambda number: b"[" + b"[]," * (number - 1) + b"1]",
    "empty objects": lambda number: b"[" + b"{}," * (number - 1) + b"1]",
    "in what is ignored": lambda number: with_extra("[" + "[]," * (number - 5) + "1]"),
}


@pytest.mark.parametrize("heap", HEAPS.values(), ids=HEAPS)
def test_no_more_lists_and_objects_are_allowed_than_a_submission_can_need(api, settings, heap):
    settings.MAX_IMAGES_PER_JOB = 10

    assert "1,040 lists and objects" in assert_refused(api.submit(heap(1041)), 400)
    assert "1,040 lists and objects" not in api.submit(heap(1040)).content.decode()


def test_brackets_within_strings_are_not_counted(api, settings):
    settings.MAX_IMAGES_PER_JOB = 10

    assert api.submit(submission(visit("T-1", *['http://h/[{\\"[{' + "[" * 1900] * 10))).status_code == 201


def test_the_base_of_the_corpus_is_accepted(api):
    assert api.submit(VALID.encode()).status_code == 201
    assert api.submit(with_store_id(r"\\u0000\ud83d\ude00\u0041")).status_code == 201


def test_deep_nesting_is_refused_in_a_thread_too(api):
    """Web threads have smaller stacks than the main thread."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(API(Client()).submit(TOO_MUCH["mixed"])))
    thread.start()
    thread.join()

    assert_refused(answers[0], 400)


@pytest.fixture(scope="module")
def serve():
    """The handler that a web server calls: Django's test client builds its requests differently."""
    handler = Handler()
    # As Django's test client does: the connection holds the test's transaction.
    request_started.disconnect(close_old_connections)

    def serve(method: str, path: str, *, query: str = "", body: bytes = b"", content_type: str = "", cookie: str = ""):
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_HOST": "localhost",
            "HTTP_COOKIE": cookie,
            "wsgi.input": io.BytesIO(body),
        }
        setup_testing_defaults(environ)
        return handler(environ, lambda status, headers: None)

    yield serve
    request_started.connect(close_old_connections)


@pytest.mark.parametrize("content_type", CONTENT_TYPES + UNREADABLE_CONTENT_TYPES)
def test_no_content_type_gets_past_the_parser(serve, content_type):
    response = serve("POST", "/api/submit", body=VALID.encode(), content_type=content_type)

    assert response.status_code in (400, 415)
    assert list(json.loads(response.content)) == ["error"]
    assert_nothing_stored()


@pytest.mark.parametrize("content_type", CONTENT_TYPES + UNREADABLE_CONTENT_TYPES)
def test_no_content_type_prevents_an_answer(serve, content_type):
    assert serve("GET", "/api/visits", query="limit=1", content_type=content_type).status_code == 200
    assert serve("GET", "/admin/login/", query="next=/", content_type=content_type).status_code == 200
    assert serve("POST", "/admin/login/", body=b"a=1", content_type=content_type).status_code in (400, 403)


@pytest.mark.parametrize(
    "disposition", ["name*0=a; name*=b", "name*=bogus''x", "name*=hex''%00", "name*0*='", "=", ";;"]
)
def test_no_header_of_a_part_causes_a_crash(serve, disposition):
    body = f"--x\r\nContent-Disposition: form-data; {disposition}\r\n\r\n1\r\n--x--".encode()
    answer = serve(
        "POST", "/admin/login/", body=body, content_type="multipart/form-data; boundary=x", cookie=CSRF_COOKIE
    )
    assert answer.status_code in (400, 403)


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_string_causes_a_crash(serve, query):
    for charset in ("", "; charset=utf-8", "; charset=utf-7", "; charset=hex", "; charset=undefined"):
        for path in ("/api/status", "/api/visits"):
            response = serve("GET", path, query=query, content_type=f"application/json{charset}")

            assert response.status_code in (200, 400)
            assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "x"},
        {"Cookie": "\xff=\xfe; a; =; ;"},
        {"Cookie": "sessionid=" + "x" * 8000},
        {"Cookie": 'sessionid="\\000"; csrftoken="\\000"'},
        {"X-CSRFToken": "\xff"},
        {"X-HTTP-Method-Override": "DELETE"},
        {"Accept-Charset": "utf-16"},
        {"Range": "bytes=0-0"},
        {"If-None-Match": "*"},
        {"Expect": "100-continue"},
    ],
)
def test_no_header_causes_a_crash(api, headers):
    assert api.client.get("/api/visits", headers=headers).status_code == 200
