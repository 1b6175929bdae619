"""Bodies that a client should not send; mutations of bodies start from these."""

import json
from typing import Any

TIME = "2026-01-31T17:00:00Z"
STORE = "KS0001"


def visit(store_id: Any = STORE, *urls: Any, visit_time: Any = TIME) -> dict[str, Any]:
    return {
        "store_id": store_id,
        "image_url": list(urls) or ["http://images.example/1.jpg"],
        "visit_time": visit_time,
    }


def submission(*visits: Any, **more: Any) -> dict[str, Any]:
    """A body that is valid if its visits are."""
    visits = visits or (visit(),)
    return {"count": len(visits), "visits": list(visits), **more}


VALID = json.dumps(submission())


def with_store_id(escaped: str) -> bytes:
    """A submission with this piece of JSON text as its store_id."""
    return VALID.replace(STORE, escaped).encode()


def with_count(text: str) -> bytes:
    return VALID.replace('"count": 1', f'"count": {text}').encode()


def with_extra(text: str) -> bytes:
    return (VALID[:-1] + f', "extra": {text}}}').encode()


def _encoded(bodies: dict[str, Any]) -> dict[str, bytes]:
    return {name: json.dumps(body).encode() for name, body in bodies.items()}


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
    "xml with an entity": b'<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>',
    "html": b"<script>alert(1)</script>",
    "yaml": b"count: 1\nvisits: []",
    "yaml object": b"!!python/object/apply:os.system ['true']",
    "pickle": b"\x80\x04\x95\x0f\x00\x00\x00\x00\x00\x00\x00}\x94.",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    "multipart": b'--x\r\nContent-Disposition: form-data; name="count"\r\n\r\n1\r\n--x--',
    "raw newline in a string": VALID.replace(STORE, "T\n1").encode(),
    "raw NUL in a string": VALID.replace(STORE, "T\x001").encode(),
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
    "latin-1": VALID.replace(STORE, "caf\u00e9").encode("latin-1"),
    "utf-16": VALID.encode("utf-16"),
    "utf-16 without mark": VALID.encode("utf-16-le"),
    "utf-32": VALID.encode("utf-32"),
    "utf-16 backwards": b"\xfe\xff" + VALID.encode("utf-16-be"),
    "two byte order marks": b"\xef\xbb\xbf" * 2 + VALID.encode(),
    "a lone continuation byte": VALID.replace(STORE, "X").encode().replace(b"X", b"\x80"),
    "an overlong slash": VALID.replace(STORE, "X").encode().replace(b"X", b"\xc0\xaf"),
    "a surrogate in bytes": VALID.replace(STORE, "X").encode().replace(b"X", b"\xed\xa0\x80"),
    "beyond unicode": VALID.replace(STORE, "X").encode().replace(b"X", b"\xf4\x90\x80\x80"),
    "ebcdic": VALID.encode("cp500"),
    "utf-7": with_store_id("+2AA-").replace(b"{", b"\xff{", 1),
}
UNSOUND_TEXT = {
    "escaped NUL": with_store_id(r"\u0000"),
    "escaped NUL in a url": VALID.replace("images.example", r"\u0000").encode(),
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
    "many faults in one visit": json.dumps(submission(visit(STORE, *[""] * 100_000))).encode(),
    "a long url": json.dumps(submission(visit(STORE, "x" * 1_000_000))).encode(),
    "a long time": json.dumps(submission(visit(visit_time="2" * 1_000_000))).encode(),
    "a million blanks": VALID.encode() + b" " * 1_000_000 + b"x",
    "a million escapes": with_store_id(r"\u0041" * 160_000),
    "too many strings": b"[" + b'"",' * 1_250_000 + b"1]",
    "too many numbers": b"[" + b"1," * 1_050_000 + b"1]",
    "too many members": b"{" + b'"":1,' * 650_000 + b'"":1}',
    "lists before a string without an end": b"[" * 500_000 + b'"' + rb"\"" * 1_000_000,
}
WRONG_SHAPE = _encoded(
    {
        "null": None,
        "a list": [],
        "a string": "visits",
        "a number": 1,
        "an empty object": {},
        "count alone": {"count": 1},
        "visits alone": {"visits": [visit()]},
        "no visits": {"count": 0, "visits": []},
        "visits in an object": {"count": 1, "visits": {"0": visit()}},
        "count too low": submission(visit(), visit()) | {"count": 1},
        "count below zero": submission() | {"count": -1},
        "count as text": submission() | {"count": "1"},
        "count as a float": submission() | {"count": 1.0},
        "count as a truth": submission() | {"count": True},
        "count in a list": submission() | {"count": [1]},
        "count beyond bigint": submission() | {"count": 2**64},
        "a visit that is null": submission(None),
        "a visit in a visit": submission([visit()]),
        "an empty visit": submission({}),
        "store_id null": submission(visit(None)),
        "store_id as a number": submission(visit(1)),
        "store_id empty": submission(visit("")),
        "store_id too long": submission(visit("x" * 65)),
        "one url without a list": submission(visit() | {"image_url": "http://images.example/"}),
        "urls in an object": submission(visit() | {"image_url": {}}),
        "no urls": submission(visit() | {"image_url": []}),
        "url null": submission(visit(STORE, None)),
        "url as a number": submission(visit(STORE, 1)),
        "url with a line break": submission(visit(STORE, "http://images.example/\r\nX: y")),
        "url too long": submission(visit(STORE, "http://images.example/" + "x" * 2048)),
        "time null": submission(visit(visit_time=None)),
        "time as a number": submission(visit(visit_time=1769878800)),
        "time empty": submission(visit(visit_time="")),
        "time too long": submission(visit(visit_time="2" * 201)),
        "on_error unknown": submission(on_error="explode"),
        "on_error null": submission(on_error=None),
        "on_error as a list": submission(on_error=["continue"]),
        "a prototype": submission(__proto__={"count": 2}, constructor={}),
    }
)
# Accepted although strange: what is stored must be readable again.
STRANGE = {
    name: json.dumps(body).encode()
    for name, body in {
        "an unknown store": submission(visit("no such store")),
        "markup": submission(visit("<script>alert(1)</script>", "http://images.example/<script>")),
        "a formula": submission(visit("=cmd|' /C calc'!A0", "=1+1", visit_time="@SUM(1)")),
        "SQL": submission(visit("'; DROP TABLE jobs_job; --", "' OR 1=1 --")),
        "a template": submission(visit("{{ settings.SECRET_KEY }}", "{% debug %}")),
        "a format": submission(visit("%s%n%d", "{0.__class__}")),
        "no URL": submission(visit(STORE, "not a url", "file:///etc/passwd", "http://[", "//")),
        "right to left": submission(visit("\u202egpj.1\u202c", "http://\u202e/")),
        "invisible": submission(visit("\u200b\u2060\ufeff", "\u00ad")),
        "combining": submission(visit("a" + "\u0301" * 60, "\U0001f468\u200d\U0001f469\u200d\U0001f467")),
        "beyond the plane": submission(visit("\U0010ffff\U000e0001", "\uffff\ufdd0")),
        "no time": submission(visit(visit_time="yesterday")),
        "times": submission(*(visit(visit_time=text) for text in (
            "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30", "2026-W53-7", "２０２６-01-31",
            "2016-12-31T23:59:60Z", "2026-01-31T17:00:00+99:99", "0000-00-00", "-2026-01-31", "2026-01-31T17:00:00.9999999999Z",
        ))),
        "stop_store": submission(visit(STORE, "a", "b"), on_error="stop_store"),
        "the same twice": submission(visit(), visit()),
    }.items()
} | {"a byte order mark": VALID.encode("utf-8-sig")}  # fmt: skip
BODIES = {
    f"{kind}: {name}": body
    for kind, bodies in {
        "not JSON": NOT_JSON,
        "not UTF-8": NOT_UTF_8,
        "unsound text": UNSOUND_TEXT,
        "duplicate keys": DUPLICATE_KEYS,
        "too much": TOO_MUCH,
        "wrong shape": WRONG_SHAPE,
        "strange": STRANGE,
    }.items()
    for name, body in bodies.items()
}
# For the paths of the tokens: names and passwords that no user has.
CREDENTIALS = {
    name: json.dumps(body).encode()
    for name, body in {
        "a stranger": {"username": "nobody", "password": "wrong"},
        "NUL": {"username": "a\0", "password": "\0"},
        "a surrogate": {"username": "\ud800", "password": "\udfff"},
        "numbers": {"username": 1, "password": 2},
        "objects": {"username": {}, "password": []},
        "much": {"username": "x" * 100_000, "password": "y" * 100_000},
        "other alphabets": {"username": "\uff41\uff44\uff4d\uff49\uff4e", "password": "\u0301" * 99},
        "nothing": {"username": "", "password": ""},
        "half": {"username": "admin"},
        "a token of nothing": {"refresh": ""},
        "a token of dots": {"refresh": ".."},
        "a token without algorithm": {"refresh": "eyJhbGciOiJub25lIn0.eyJ1c2VyX2lkIjoxfQ."},
        "a token of NUL": {"refresh": "\0.\0.\0"},
        "a long token": {"refresh": "e" * 100_000},
        "a token as a number": {"refresh": 1},
        "a token of lists": {"refresh": ["a", "b"]},
    }.items()
}
