"""Which bytes are a JSON body, and how much of anything may it hold before it is decoded?"""

import gzip
import io
import json
import time
import tracemalloc

import pytest
from rest_framework.exceptions import ParseError

from jobs.submission.payload import parse_submission
from jobs.submission.strict_json import StrictJSONParser, load_json

SUBMISSION = {"count": 1, "visits": [{"store_id": "Ł-1", "image_url": ["http://h/1"], "visit_time": "noon"}]}
TEXT = json.dumps(SUBMISSION, ensure_ascii=False)
LARGEST_BODY = 31_000_000
# What a body may take besides itself: a copy as text, and one of what its strings are not.
MEMORY = 2.5 * LARGEST_BODY


def refusal(body: bytes) -> str:
    with pytest.raises(ParseError) as refused:
        load_json(body)
    return str(refused.value.detail)


def test_a_byte_order_mark_is_no_part_of_the_value():
    assert load_json(TEXT.encode("utf-8-sig")) == SUBMISSION


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_another_encoding_of_unicode_is_named(encoding):
    assert refusal(TEXT.encode(encoding)) == f"The body is {encoding[:6].upper()}, and must be UTF-8."


def test_a_compressed_body_is_named():
    assert "compressed with gzip" in refusal(gzip.compress(TEXT.encode()))


# With one image per job, this many of each are allowed.
HEAPS = {
    "1,004 lists and objects": lambda number: b"[" + b"[]," * (number - 1) + b"1]",
    "1,012 strings": lambda number: b"[" + b'"ab" ' * number + b"]",
    "1,012 strings ": lambda number: b"[" + rb'"\\" ' * number + b"]",
    "1,010 values": lambda number: b"[" + b"12345," * (number - 1) + b"1]",
    "1,010 values ": lambda number: b'{"a":' + b"null," * (number - 1) + b"1}",
}


@pytest.mark.parametrize(("most", "heap"), HEAPS.items(), ids=HEAPS)
def test_of_each_kind_so_many_are_allowed_and_not_one_more(settings, most, heap):
    settings.MAX_IMAGES_PER_JOB = 1
    allowed = int(most.split()[0].replace(",", ""))

    sentence = f"The body holds more than {most.strip()}, which no submission needs."
    assert refusal(heap(allowed + 1)) == sentence
    # Some of the heaps are no JSON, which is found out later.
    assert _outcome(heap(allowed)) != sentence


def _outcome(body: bytes) -> str:
    try:
        load_json(body)
    except ParseError as error:
        return str(error.detail)
    return "read"


def test_what_strings_hold_is_not_counted(settings):
    settings.MAX_IMAGES_PER_JOB = 1
    urls = [f"http://h/{'[{,' * 600}", '"' * 1_500, "\\" * 1_500, '\\"' * 700]

    assert load_json(json.dumps(urls).encode()) == urls


LARGEST = {
    "strings": b'"ab",',
    "strings of an escape": rb'"\\",',
    "numbers": b"12345,",
    "fractions": b"1.5,",
    "literals": b"true,",
    "lists": b"[],",
    "members": b'"ab":1,',
}


@pytest.mark.parametrize("unit", LARGEST.values(), ids=LARGEST)
def test_the_largest_body_of_small_values_is_refused_before_it_is_decoded(unit):
    body = b"[" + unit * (LARGEST_BODY // len(unit)) + b"1]"
    tracemalloc.start()
    sentence = refusal(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sentence.endswith("which no submission needs.")
    assert peak < MEMORY


def test_a_string_that_is_never_closed_is_read_once():
    body = b"[" * 500_000 + b'"' + rb"\"" * 1_000_000
    begun = time.thread_time()

    assert "lists and objects" in refusal(body)
    assert time.thread_time() - begun < 5


def test_the_largest_job_passes_with_long_urls_that_hold_commas_and_with_keys_of_the_clients_own():
    visits = [
        {
            "store_id": f"S{number:08}",
            "visit_time": "2026-01-31T17:00:00Z",
            "image_url": [f"https://cdn.example/w_400,h_300,c_fill,q_80/{number}/{'x' * 200}.jpg"],
            "agent": "A. Person",
            "notes": {"shelf": number},
        }
        for number in range(100_000)
    ]
    body = json.dumps({"count": 100_000, "visits": visits}).encode()

    assert len(parse_submission(load_json(body)).visits) == 100_000


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "us-ascii", "ascii"])
def test_a_charset_that_is_a_part_of_utf_8_is_read_as_utf_8(charset):
    assert StrictJSONParser().parse(io.BytesIO('["Ł"]'.encode()), f"application/json; charset={charset}") == ["Ł"]
