"""Does anything a client can send end in a crash, a page of HTML, or a row?"""

import io
import json
import threading
from wsgiref.util import setup_testing_defaults

import pytest
from django.core.signals import request_started
from django.db import close_old_connections
from django.test import Client

from retail_pulse.handler import Handler
from tests.api.conftest import API
from tests.api.payloads import assert_nothing_stored, assert_refused, submission, visit

pytestmark = pytest.mark.django_db

VALID = json.dumps(submission())


def with_store_id(escaped: str) -> bytes:
    """A submission whose store_id is this piece of JSON text."""
    return VALID.replace("T-1", escaped).encode()


def with_count(text: str) -> bytes:
    return VALID.replace('"count": 1', f'"count": {text}').encode()


def with_extra(text: str) -> bytes:
    return (VALID[:-1] + f', "extra": {text}}}').encode()


NOT_JSON = {
    "nothing": b"",
    "blanks": b" \n\t ",
    "a word": b"hello",
    "half": VALID.encode()[:-1],
    "one more brace": VALID.encode() + b"}",
    "two": VALID.encode() * 2,
    "trailing comma": VALID.encode()[:-1] + b",}",
    "single quotes": VALID.replace('"', "'").encode(),
    "unquoted keys": b"{count: 1}",
    "comment": b"/* x */" + VALID.encode(),
    "form": b"count=1&visits=x",
    "xml": b"<submission><count>1</count></submission>",
    "html": b"<script>alert(1)</script>",
    "yaml": b"count: 1\nvisits: []",
    "pickle": b"\x80\x04\x95\x0f\x00\x00\x00\x00\x00\x00\x00}\x94.",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    "multipart": b'--x\r\nContent-Disposition: form-data; name="count"\r\n\r\n1\r\n--x--',
    "raw newline in a string": VALID.replace("T-1", "T\n1").encode(),
    "raw NUL in a string": VALID.replace("T-1", "T\x001").encode(),
    "NUL at the end": VALID.encode() + b"\0",
    "bad escape": with_store_id(r"\x41"),
    "short escape": with_store_id(r"\u00"),
    "hex number": with_count("0x1"),
    "octal number": with_count("01"),
    "plus": with_count("+1"),
    "dot": with_count("1."),
    "python literal": with_count("True"),
    "NaN": with_count("NaN"),
    "Infinity": with_count("Infinity"),
    "-Infinity": with_extra("-Infinity"),
    "NaN out of the way": with_extra("[NaN]"),
}
NOT_UTF_8 = {
    "latin-1": VALID.replace("T-1", "caf\u00e9").encode("latin-1"),
    "utf-16": VALID.encode("utf-16"),
    "utf-16 without mark": VALID.encode("utf-16-le"),
    "utf-32": VALID.encode("utf-32"),
    "byte order mark": VALID.encode("utf-8-sig"),
    "a lone continuation byte": VALID.replace("T-1", "X").encode().replace(b"X", b"\x80"),
    "an overlong slash": VALID.replace("T-1", "X").encode().replace(b"X", b"\xc0\xaf"),
    "a surrogate in bytes": VALID.replace("T-1", "X").encode().replace(b"X", b"\xed\xa0\x80"),
    "beyond unicode": VALID.replace("T-1", "X").encode().replace(b"X", b"\xf4\x90\x80\x80"),
    "ebcdic": VALID.encode("cp500"),
    "utf-7": with_store_id("+2AA-").replace(b"{", b"\xff{", 1),
}
UNSOUND_TEXT = {
    "escaped NUL": with_store_id(r"\u0000"),
    "escaped NUL in a url": VALID.replace("images.test", r"\u0000").encode(),
    "escaped NUL in visit_time": VALID.replace("2026", r"\u0000").encode(),
    "escaped NUL in an ignored value": with_extra(r'"\u0000"'),
    "escaped NUL in an ignored key": with_extra(r'{"\u0000": 1}'),
    "NUL after a backslash": with_store_id(r"\\\u0000"),
    "high surrogate": with_store_id(r"\ud800"),
    "high surrogate in capitals": with_store_id(r"\uD8FF"),
    "low surrogate": with_store_id(r"\udfff"),
    "two high surrogates": with_store_id(r"\ud83d\ud83d"),
    "surrogates in the wrong order": with_store_id(r"\ude00\ud83d"),
    "a pair and a half": with_store_id(r"\ud83d\ude00\ude00"),
    "high surrogate before another escape": with_store_id(r"\ud83d\n"),
    "high surrogate before text": with_store_id(r"\ud83dude00"),
    "surrogate in an ignored key": with_extra(r'{"\ud800": 1}'),
}
DUPLICATE_KEYS = {
    "at the top": VALID.replace('"count": 1', '"count": 1, "count": 1').encode(),
    "visits twice": (VALID[:-1] + ', "visits": []}').encode(),
    "in a visit": VALID.replace('"store_id"', '"store_id": "a", "store_id"').encode(),
    "by an escape": VALID.replace('"count": 1', r'"count": 1, "co\u0075nt": 1').encode(),
    "in what is ignored": with_extra('{"a": 1, "a": 2}'),
    "the empty key": with_extra('{"": 1, "": 2}'),
    "a surrogate": with_extra(r'{"\ud800": 1, "\ud800": 2}'),
    "a long key": with_extra(f'{{"{"x" * 9999}": 1, "{"x" * 9999}": 2}}'),
    "markup": with_extra('{"<script>": 1, "<script>": 2}'),
}
TOO_MUCH = {
    "lists in lists": b"[" * 100_000,
    "closed lists in lists": b"[" * 100_000 + b"]" * 100_000,
    "objects in objects": b'{"a":' * 100_000,
    "deep in what is ignored": with_extra("[" * 100_000 + "]" * 100_000),
    "mixed": b'[{"a":' * 50_000,
    "5000 digits": with_count("9" * 5000),
    "5000 digits out of the way": with_extra("-" + "9" * 5000),
    "4000 digits": with_count("9" * 4000),
    "1e400": with_count("1e400"),
    "-1e400": with_extra("-1e400"),
    "9e999999999": with_extra("9e999999999"),
    "a million zeros behind the point": with_count("1." + "0" * 1_000_000),
    "a long key": json.dumps({"x" * 1_000_000: 1}).encode(),
    "many keys": json.dumps(dict.fromkeys(map(str, range(100_000)))).encode(),
    "many faults": json.dumps(submission(*[None] * 100_000)).encode(),
    "many faults in one visit": json.dumps(submission(visit("T-1", *[""] * 100_000))).encode(),
    "a long url": json.dumps(submission(visit("T-1", "x" * 1_000_000))).encode(),
    "a long time": json.dumps(submission(visit(visit_time="2" * 1_000_000))).encode(),
}
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
]  # fmt: skip
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
def test_no_more_lists_and_objects_than_a_submission_can_need(api, settings, heap):
    settings.MAX_IMAGES_PER_JOB = 10

    assert "1,040 lists and objects" in assert_refused(api.submit(heap(1041)), 400)
    assert "1,040 lists and objects" not in api.submit(heap(1040)).content.decode()


def test_brackets_within_strings_are_no_lists(api, settings):
    settings.MAX_IMAGES_PER_JOB = 10

    assert api.submit(submission(visit("T-1", *['http://h/[{\\"[{' + "[" * 1900] * 10))).status_code == 201


def test_the_corpus_is_hostile_only_where_it_says_so(api):
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
    """The handler that a web server calls: Django's test client makes its requests in a way of its own."""
    handler = Handler()
    # As Django's test client does: the connection holds the test's transaction.
    request_started.disconnect(close_old_connections)

    def serve(method: str, path: str, *, query: str = "", body: bytes = b"", content_type: str = ""):
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_HOST": "localhost",
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
def test_no_content_type_keeps_a_question_from_its_answer(serve, content_type):
    assert serve("GET", "/api/visits", query="limit=1", content_type=content_type).status_code == 200
    assert serve("GET", "/admin/login/", query="next=/", content_type=content_type).status_code == 200
    assert serve("POST", "/admin/login/", body=b"a=1", content_type=content_type).status_code in (400, 403)


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_string_makes_a_crash(serve, query):
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
def test_no_header_makes_a_crash(api, headers):
    assert api.client.get("/api/visits", headers=headers).status_code == 200
