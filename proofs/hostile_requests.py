"""Endless hostile requests: the corpus once, then mutations of it, the same for the same seed."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from proofs import hostile_corpus as corpus
from proofs import hostile_http as http

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
# Mutations start from short requests: a megabyte takes long to send and tests nothing more.
MAX_SEED_BYTES = 4000
_TARGET = re.compile(r"[!-~]+")
_VALUE = re.compile(r"[\t -~\x80-\xff]*")

_VIEW = "jobid=1&view=images&cursor=AAAAAAAAAAE&limit=2"
_SEARCH = "area=K1&storeid=KS0001&startdate=2026-01-01&enddate=2026-12-31T23:59:59%2B05:30&cursor=AAAAAAAAAAE&limit=10"
_FILTER = "code=http_404&host=a.test&store=KS0001&area=K1"
_JOBS = (
    "state=ended&outcome=failed&store=KS0001&owner=x&created_from=2026-01-01&created_to=2026-12-31T23:59:59Z&limit=2"
)
_RETRY = b'{"code": "http_404", "host": "a.test", "store": "KS0001", "area": "", "only_retryable": true}'
_STORES = b"AreaCode,StoreName,StoreID\r\nK1,Corner,KS9999\r\n"
_LOGIN = b"username=admin&password=x&csrfmiddlewaretoken=" + b"x" * 32 + b"&next=/admin/"
# The same in parts, whose own headers a mutation can spoil.
_PART = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
_LOGIN_IN_PARTS = b"".join(_PART % tuple(pair.split(b"=")) for pair in _LOGIN.split(b"&")) + b"--x--"
_THEME = b"theme=dark&csrfmiddlewaretoken=" + b"x" * 32 + b"&next=/jobs/"
# With it the form is read; without it the request is refused before that.
_CSRF_COOKIE = "csrftoken=" + "x" * 32
_NUMBERS = (b"0", b"-0", b"-1", b"1.0", b"1e400", b"9" * 30, b"2147483648", b"9223372036854775808", b"NaN", b"1e-400")
_TEXTS = (
    b"\0", b"\\u0000", b"\\ud800", b"\xed\xa0\x80", b"\xc0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xae", b"\xef\xbc\x91",
    b"\xf0\x9f\x91\xa8", b"\xcc\x81" * 50, b"\xff", b"%00", b"%ff", b"%ed%a0%80", b"\\", b'"', b"'", b"<", b"{", b"}", b"[", b"]",
    b",", b":", b"&", b"=", b"%", b"\r\n", b"\n", b" ", b"\t", b"true", b"null", b"{}", b"[]", b'"":', b"../", b"--",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """`body` is declared by its length. `kind` says where the request comes from."""

    kind: str
    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def endpoint(self) -> str:
        """The path under which the proof counts the request."""
        return self.path if self.path in ENDPOINTS else "another path"

    @property
    def is_sound(self) -> bool:
        """Whether this is valid HTTP, so that an answer is due and the connection can be used again."""
        target = f"{self.path}?{self.query}"
        return (
            bool(_TARGET.fullmatch(target))
            and self.path[0] == "/"
            and all(map(_VALUE.fullmatch, self.headers.values()))
        )

    def encode(self, host: str) -> bytes:
        """The bytes that go over the wire."""
        target = f"{self.path}?{self.query}" if self.query else self.path
        headers = {"Host": host, "Content-Length": str(len(self.body)), **self.headers}
        lines = [f"{self.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return "\r\n".join(lines).encode("latin-1", "replace") + self.body


# Every path that answers, with a valid request to it.
GOOD = (
    Request("good", "POST", "/api/submit/", headers={"Content-Type": JSON}, body=corpus.VALID.encode()),
    Request(
        "good",
        "POST",
        "/api/submit",
        headers={"Content-Type": JSON, "Idempotency-Key": "k"},
        body=corpus.VALID.encode(),
    ),
    Request("good", "GET", "/api/status", "jobid=1"),
    Request("good", "GET", "/api/status/", _VIEW),
    Request("good", "GET", "/api/visits/", _SEARCH),
    Request("good", "GET", "/api/visits", "limit=3"),
    Request("good", "POST", "/api/token/", headers={"Content-Type": JSON}, body=corpus.CREDENTIALS["a stranger"]),
    Request("good", "POST", "/api/token/refresh/", headers={"Content-Type": JSON}, body=b'{"refresh": "a.b.c"}'),
    Request("good", "GET", "/admin/login/", "next=/admin/"),
    Request("good", "POST", "/admin/login/", headers={"Content-Type": FORM}, body=_LOGIN),
    Request("good", "POST", "/admin/login/", headers={"Content-Type": FORM, "Cookie": _CSRF_COOKIE}, body=_LOGIN),
    Request(
        "good",
        "POST",
        "/admin/login/",
        headers={"Content-Type": "multipart/form-data; boundary=x", "Cookie": _CSRF_COOKIE},
        body=_LOGIN_IN_PARTS,
    ),
    Request("good", "GET", "/admin/"),
    Request("good", "GET", "/sign-in/", "next=/jobs/"),
    Request("good", "POST", "/sign-in/", headers={"Content-Type": FORM, "Cookie": _CSRF_COOKIE}, body=_LOGIN),
    Request("good", "GET", "/jobs/", "stage=failed&q=KS0001&before=9"),
    Request("good", "POST", "/appearance/", headers={"Content-Type": FORM, "Cookie": _CSRF_COOKIE}, body=_THEME),
    Request("good", "GET", "/docs/errors/"),
    Request("good", "GET", "/livez"),
    Request("good", "GET", "/readyz"),
    Request("good", "GET", "/static/admin/css/base.css"),
    Request("good", "GET", "/none"),
    Request("good", "GET", "/docs/"),
    Request(
        "good",
        "POST",
        "/api/v1/jobs",
        headers={"Content-Type": JSON, "Idempotency-Key": "v1"},
        body=corpus.VALID.encode(),
    ),
    Request("good", "POST", "/api/v1/jobs:validate", headers={"Content-Type": JSON}, body=corpus.VALID.encode()),
    Request("good", "PATCH", "/api/v1/jobs/1", headers={"Content-Type": JSON}, body=b'{"priority": 3}'),
    Request("good", "POST", "/api/v1/jobs/1/retry", headers={"Content-Type": JSON}, body=_RETRY),
    Request("good", "POST", "/api/v1/jobs/1/pause", headers={"Content-Type": JSON}, body=b"{}"),
    Request("good", "POST", "/api/v1/jobs/1/resume", headers={"Content-Type": JSON}),
    Request("good", "POST", "/api/v1/jobs/2/cancel", headers={"Content-Type": JSON}),
    Request("good", "POST", "/api/v1/store-imports", headers={"Content-Type": "text/csv"}, body=_STORES),
    Request("good", "GET", "/api/v1/jobs", _JOBS),
    Request("good", "GET", "/api/v1/jobs/1", headers={"If-None-Match": 'W/"0123", "x"'}),
    Request("good", "GET", "/api/v1/jobs/1/images", f"{_FILTER}&state=failed&cursor=AAAAAAAAAAE&limit=2"),
    Request("good", "GET", "/api/v1/jobs/1/images/1"),
    Request("good", "GET", "/api/v1/jobs/1/export", f"format=ndjson&{_FILTER}"),
    Request("good", "GET", "/api/v1/jobs/1/retry", _FILTER),
    Request("good", "GET", "/api/v1/jobs/1/failures"),
    Request("good", "GET", "/api/v1/jobs/1/throughput"),
    Request("good", "GET", "/api/v1/jobs/1/actions", "limit=5"),
    Request("good", "GET", "/api/v1/stores", "area=K1&q=store&store_id=KS0001&limit=3"),
    Request("good", "GET", "/api/v1/stores/KS0001"),
    Request("good", "GET", "/api/v1/stores/KS0001/visits", "from=2026-01-01&to=2026-12-31&limit=3"),
    Request("good", "GET", "/api/v1/visits", "store=KS0001&area=K1&from=2026-01-01&limit=3"),
    Request("good", "GET", "/api/v1/schemas/submission.json"),
    Request("good", "GET", "/api/v1/openapi.json"),
)
ENDPOINTS = frozenset(good.path for good in GOOD)
_READERS = [good for good in GOOD if good.method == "GET"]
_WRITERS = [good for good in GOOD if good.method in ("POST", "PATCH")]


def whole_corpus() -> Iterator[Request]:
    """Every hostile body, query, header, method and path, at every endpoint that it could affect."""
    for name, body in corpus.BODIES.items():
        yield _post("/api/submit/", f"corpus: {name}", body)
        if len(body) < MAX_SEED_BYTES:
            yield _post("/api/token/refresh/", f"corpus: {name}", body)
    for body in corpus.CREDENTIALS.values():
        for path in ("/api/token/", "/api/token/refresh/"):
            yield _post(path, "corpus: credentials", body)
    for good in GOOD:
        for content_type in http.CONTENT_TYPES:
            yield _changed(good, "corpus: Content-Type", headers={"Content-Type": content_type})
        for query in http.QUERIES:
            yield _changed(good, "corpus: query", query=query)
        for method in http.METHODS:
            yield _changed(good, "corpus: method", method=method)
        for name, values in http.HEADERS.items():
            for value in values:
                yield _changed(good, "corpus: header", headers={name: value})
    for path in http.PATHS:
        for method in ("GET", "POST", "OPTIONS"):
            yield Request("corpus: path", method, path, headers={"Content-Type": JSON})


def mutations(seed: int) -> Iterator[Request]:
    """Requests with one or a few things changed, without end."""
    chance = random.Random(seed)  # noqa: S311 - the same requests for the same seed
    bodies = [
        body for body in [*corpus.BODIES.values(), *corpus.CREDENTIALS.values()] if 0 < len(body) < MAX_SEED_BYTES
    ]
    queries = [good.query.encode() for good in GOOD if good.query] * 5 + [query.encode() for query in http.QUERIES]
    queries = [query for query in queries if len(query) < MAX_SEED_BYTES]
    headers = [(name, value) for name, values in http.HEADERS.items() for value in values]

    def a_body() -> Request:
        good = chance.choice(_WRITERS)
        seeds = (good.body, chance.choice(bodies), _strange(chance))
        return _changed(good, "mutated body", body=mutate(chance, chance.choice(seeds), bodies))

    def a_query() -> Request:
        good = chance.choice(_READERS)
        query = mutate(
            chance, good.query.encode() if good.query and chance.random() < 0.7 else chance.choice(queries), queries
        )
        # The target of a request may only hold visible ASCII; a client escapes the rest.
        text = "".join(chr(byte) if 0x21 <= byte <= 0x7E else f"%{byte:02x}" for byte in query)
        return _changed(good, "mutated query", query=text)

    def a_header() -> Request:
        name, value = chance.choice(headers)
        changed = mutate(chance, value.encode("latin-1"), [other.encode("latin-1") for _, other in headers[:20]])
        sound = bytes(byte for byte in changed if (byte >= 0x20 and byte != 0x7F) or byte == 0x09)
        return _changed(chance.choice(GOOD), "mutated header", headers={name: sound.decode("latin-1").strip()})

    def a_content_type() -> Request:
        value = mutate(
            chance, chance.choice(http.CONTENT_TYPES).encode(), [b"charset=", b"boundary=", b"*0*=", b"''", b'"']
        )
        sound = bytes(byte for byte in value if byte >= 0x20 and byte != 0x7F)
        return _changed(
            chance.choice(_WRITERS), "mutated Content-Type", headers={"Content-Type": sound.decode("latin-1").strip()}
        )

    def a_path() -> Request:
        path = mutate(
            chance, chance.choice([*http.PATHS, *ENDPOINTS]).encode("latin-1"), [b"/api/", b"/admin/", b"%2f", b"//"]
        )
        text = "".join(chr(byte) if 0x21 <= byte <= 0x7E and byte not in b"?#" else f"%{byte:02x}" for byte in path)
        method = chance.choice(http.METHODS[:8])
        return Request("mutated path", method, f"/{text.lstrip('/')}", headers={"Content-Type": JSON})

    def a_mixture() -> Request:
        name, value = chance.choice(headers)
        good = _changed(chance.choice(GOOD), "mixture", query=a_query().query, headers={name: value})
        return _changed(good, "mixture", method=chance.choice(http.METHODS), body=a_body().body)

    # Most of a service's decisions depend on bodies and queries.
    makers: tuple[Callable[[], Request], ...] = (
        a_body,
        a_body,
        a_body,
        a_query,
        a_query,
        a_header,
        a_content_type,
        a_path,
        a_mixture,
    )
    while True:
        yield chance.choice(makers)()


def mutated_streams(seed: int) -> Iterator[tuple[str, bytes]]:
    """Whole requests as bytes, changed anywhere, without end: (kind, bytes)."""
    chance = random.Random(seed)  # noqa: S311 - as above
    whole = [good.encode("localhost") for good in GOOD] + [
        data for data in http.NOT_HTTP.values() if len(data) < MAX_SEED_BYTES
    ]
    while True:
        yield "mutated bytes", mutate(chance, chance.choice(whole), whole)


def framings() -> Iterator[tuple[str, bytes]]:
    """Requests that lie about where they end, and bytes that are not HTTP: (kind, bytes)."""
    for name, value in http.FRAMING:
        for good in (GOOD[0], GOOD[2], GOOD[9]):
            yield f"corpus: {name}", _changed(good, "framing", headers={name: value}).encode("localhost")
    for data in http.NOT_HTTP.values():
        yield "corpus: no HTTP", data


def mutate(chance: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """One to four changes: bits, bytes, pieces, numbers at a type's limits, troublesome texts."""
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.randint(0, len(data))
        to = min(len(data), at + chance.choice((1, 1, 2, 8, 64)))
        match chance.randrange(9):
            case 0 if data:
                at = min(at, len(data) - 1)
                data = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
            case 1:
                data = data[:at] + chance.randbytes(chance.choice((1, 2, 4))) + data[at:]
            case 2:
                data = data[:at] + data[to:]
            case 3:
                other = chance.choice(others)
                data = data[:at] + other[chance.randint(0, len(other)) :]
            case 4:
                data = data[:at] + data[at:to] * chance.choice((2, 3, 50)) + data[to:]
            case 5:
                data = _replace_one(chance, data, rb"-?[0-9]+(\.[0-9]+)?", _NUMBERS)
            case 6:
                data = _replace_one(chance, data, rb"[A-Za-z_]+", _TEXTS)
            case _:
                data = data[:at] + chance.choice(_TEXTS) + data[at:]
    return data[: 4 * MAX_SEED_BYTES]


def _replace_one(chance: random.Random, data: bytes, pattern: bytes, by: tuple[bytes, ...]) -> bytes:
    found = list(re.finditer(pattern, data))
    if not found:
        return data
    match = chance.choice(found)
    return data[: match.start()] + chance.choice(by) + data[match.end() :]


def _strange(chance: random.Random) -> bytes:
    return chance.choice(list(corpus.STRANGE.values()))


def _post(path: str, kind: str, body: bytes) -> Request:
    return Request(
        kind.rpartition(": ")[0] if kind.count(": ") > 1 else kind,
        "POST",
        path,
        headers={"Content-Type": JSON},
        body=body,
    )


def _changed(
    good: Request,
    kind: str,
    *,
    method: str | None = None,
    query: str | None = None,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> Request:
    return Request(
        kind,
        method or good.method,
        good.path,
        good.query if query is None else query,
        good.headers | (headers or {}),
        good.body if body is None else body,
    )
