"""Validation of a submission: bytes in, visits out, or sentences that say what is wrong.

Nothing here queries the database. Everything is checked by hand: nested serializers take a second of processor time for
what a loop does in a tenth, and accept `"1"`, `1.0` and `true` as the number 1.
"""

import codecs
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, NamedTuple, NoReturn

from django.conf import settings
from django.utils.http import parse_header_parameters
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from jobs.states import OnError
from jobs.submission.dates import read_instant
from jobs.submission.submit import VisitPayload

MAX_STORE_ID = 64
MAX_VISIT_TIME = 200
MAX_VISITED_BY = 64
MAX_URL = 2048
URL_RULE = f"must be a string of 1 to {MAX_URL:,} characters without control characters"
# Empty is the same as left out.
VISITED_BY_RULE = f"must be a string of at most {MAX_VISITED_BY} characters without control characters"
# Enough to fix a client; listing every problem of a large body would cost more than reading it.
MAX_PROBLEMS = 100

# Text up to the first escaped NUL or lone surrogate; its escapes are known to be well formed.
_VALID_ESCAPES = re.compile(r"(?:[^\\]++|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\(?!u0000|u[dD][89a-fA-F]).)*+", re.DOTALL)
# A string in an outline, also one that is never closed: the search must not start again within it.
_STRING = re.compile(rb'"[^"]*+"?')
_NOT_IN_OUTLINE = bytes(set(range(256)) - set(b'"[{,'))
# UTF-8 by its names, and what is a part of it.
_UTF_8 = {"utf-8", "utf8", "us-ascii", "ascii"}
_GZIP = b"\x1f\x8b"
_NEXT_URL = re.compile(r"[\s,|;]\s*https?:", re.IGNORECASE)
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")

# The place of a value in the body: keys and list indexes from the outside in, as in a JSON Pointer.
type Path = tuple[str | int, ...]


class StrictJSONParser(JSONParser):
    """JSON as RFC 8259 defines it: UTF-8, no duplicate keys in an object, no NaN, no number too large for a float.

    A byte order mark is ignored, as the RFC allows (section 8.1): some editors and libraries write one.

    A subclass of JSONParser, because the framework applies DATA_UPLOAD_MAX_MEMORY_SIZE to that class only.
    Raises ParseError.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        charset = parse_header_parameters(media_type or "")[1].get("charset", "utf-8")
        if charset.lower() not in _UTF_8:
            raise ParseError("The body must be UTF-8; its Content-Type names another charset.")
        return load_json(stream.read())


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a body: its place, and a complaint that continues a sentence beginning with the place."""

    path: Path
    complaint: str

    @property
    def sentence(self) -> str:
        """For example `visits[3].store_id is missing`, without a full stop."""
        return f"{place_of(self.path)} {self.complaint}"


def place_of(path: Path) -> str:
    """The path in readable form: `visits[3].store_id`."""
    place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return place.removeprefix(".") or "The body"


class InvalidPayload(ParseError):
    """The body is JSON, but not a valid submission; `problems` holds what is wrong, at most the first MAX_PROBLEMS.

    `valid_visits` holds the visits without problems, by their index in the body, as far as the body was read.
    """

    def __init__(self, problems: Sequence[Problem], valid_visits: Mapping[int, VisitPayload] | None = None) -> None:
        self.problems = problems
        self.valid_visits = valid_visits or {}
        more = len(problems) - 1
        least = "at least " if len(problems) >= MAX_PROBLEMS else ""
        noun = "problem" if more == 1 else "problems"
        rest = f" (and {least}{more} more {noun})" if more else ""
        super().__init__(f"{problems[0].sentence}{rest}.")


@dataclass(frozen=True, slots=True)
class Submission:
    """A valid submission, which may be stored."""

    visits: list[VisitPayload]
    on_error: OnError


def parse_submission(data: Any, *, with_visited_by: bool = True) -> Submission:
    """Check decoded JSON against the HTTP contract's rules for a submission; unknown keys are ignored.

    Without `with_visited_by` that is one of them, as to the assignment's endpoints, which are frozen.
    Raises InvalidPayload.
    """
    if not isinstance(data, dict):
        raise InvalidPayload([Problem((), "must be a JSON object with count and visits")])
    problems = _Problems()
    raw_visits = data.get("visits")
    count = data.get("count")
    if type(count) is not int:  # a bool is an int to isinstance
        problems.add((), "count", "must be an integer", data)
    elif isinstance(raw_visits, list) and count != len(raw_visits):
        problems.add((), "count", f"must be the number of visits, which is {len(raw_visits)}", data)
    on_error = data.get("on_error", OnError.CONTINUE)
    if on_error not in OnError.values:
        problems.add((), "on_error", f"must be {' or '.join(OnError.values)}", data)
    if isinstance(raw_visits, list) and raw_visits:
        _parse_visits(raw_visits, problems, with_visited_by=with_visited_by)
    else:
        problems.add((), "visits", "must be a list of at least one visit", data)
    if problems.found:
        raise InvalidPayload(problems.found, problems.valid_visits)
    return Submission(list(problems.valid_visits.values()), OnError(on_error))


class _Problems:
    """Collects problems and valid visits, and raises InvalidPayload as soon as there are MAX_PROBLEMS problems."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.valid_visits: dict[int, VisitPayload] = {}

    def add(self, path: Path, key: str | int, complaint: str, holder: Mapping[str, Any] | None = None) -> None:
        """`holder` is the object that should have `key`: if the key is missing, that is the complaint."""
        missing = holder is not None and key not in holder
        self.found.append(Problem((*path, key), "is missing" if missing else complaint))
        if len(self.found) >= MAX_PROBLEMS:
            raise InvalidPayload(self.found, self.valid_visits)


def _parse_visits(raw_visits: list[Any], problems: _Problems, *, with_visited_by: bool) -> None:
    images = 0
    for number, raw in enumerate(raw_visits):
        before = len(problems.found)
        if not isinstance(raw, dict):
            problems.add(("visits",), number, "must be an object with store_id, image_url and visit_time")
            continue
        path = ("visits", number)
        store_id = _parse_text(raw, path, "store_id", MAX_STORE_ID, problems)
        image_urls = _parse_urls(raw, path, problems)
        visit_time = _parse_text(raw, path, "visit_time", MAX_VISIT_TIME, problems)
        visited_by = _parse_visited_by(raw, path, problems) if with_visited_by and "visited_by" in raw else ""
        images += len(image_urls)
        if images > settings.MAX_IMAGES_PER_JOB:
            problems.add((), "visits", f"must hold at most {settings.MAX_IMAGES_PER_JOB:,} images in all")
            break
        if len(problems.found) == before:
            visited_at = read_instant(visit_time)
            problems.valid_visits[number] = VisitPayload(store_id, visit_time, visited_at, image_urls, visited_by)


def _parse_text(raw: dict[str, Any], path: Path, key: str, longest: int, problems: _Problems) -> str:
    text = raw.get(key)
    if isinstance(text, str) and 1 <= len(text) <= longest:
        return text
    problems.add(path, key, text_rule(longest), raw)
    return ""


def _parse_visited_by(raw: dict[str, Any], path: Path, problems: _Problems) -> str:
    name = raw["visited_by"]
    if isinstance(name, str) and is_name(name):
        return name
    problems.add(path, "visited_by", VISITED_BY_RULE)
    return ""


def _parse_urls(raw: dict[str, Any], path: Path, problems: _Problems) -> list[str]:
    urls = raw.get("image_url")
    if not isinstance(urls, list) or not urls:
        problems.add(path, "image_url", "must be a list of at least one URL", raw)
        return []
    for number, url in enumerate(urls):
        if not isinstance(url, str) or not is_url_text(url):
            problems.add((*path, "image_url"), number, URL_RULE)
    return urls


def text_rule(longest: int) -> str:
    return f"must be a string of 1 to {longest} characters"


def is_name(name: str) -> bool:
    """Whether `visited_by` may hold this, by VISITED_BY_RULE."""
    return len(name) <= MAX_VISITED_BY and _CONTROL_CHARACTER.search(name) is None


def is_url_text(url: str) -> bool:
    """Whether `image_url` may hold this, by URL_RULE. Whether it is a URL is checked when it is fetched."""
    return 1 <= len(url) <= MAX_URL and (url.isprintable() or _CONTROL_CHARACTER.search(url) is None)


def holds_several_urls(url: str) -> bool:
    """Whether a second URL begins behind a comma, a bar, a semicolon or white space."""
    return _NEXT_URL.search(url, 1) is not None


def load_json(body: bytes) -> Any:
    """The JSON value in `body`, which may begin with a byte order mark. Raises ParseError."""
    if body.startswith(_GZIP):
        raise ParseError("The body is compressed with gzip: send it as it is.")
    if not (encoding := json.detect_encoding(body)).startswith("utf-8"):
        raise ParseError(f"The body is {encoding[:6].upper()}, and must be UTF-8.")
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ParseError(f"The body is not UTF-8: byte {error.start + 1:,} cannot be read.") from None
    _refuse_too_many_values(body)
    try:
        data = json.loads(text, object_pairs_hook=_object, parse_float=_finite_float, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        # Some of the decoder's messages end with "at", for a position to follow, or with advice to a programmer.
        reason = error.msg.removesuffix(" at").partition(" (")[0]
        raise ParseError(f"The body is not JSON: {reason}, line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise ParseError("The body is nested too deeply.") from None
    except ValueError:
        raise ParseError("The body holds an integer of thousands of digits.") from None
    _refuse_invalid_text(text)
    return data


def _refuse_too_many_values(body: bytes) -> None:
    """Refuse more of anything than a submission needs, before it is decoded.

    32 MB of empty lists would take 1 GB of memory, 32 MB of strings of two characters 540 MB.
    """
    # An image with a visit of its own takes 2 lists and objects, 6 strings (keys included), and 5 elements and members;
    # twice as many allow for ignored keys.
    images = settings.MAX_IMAGES_PER_JOB
    most = _Numbers(4 * images + 1_000, 12 * images + 1_000, 10 * images + 1_000)
    # The quick count, which includes what strings hold, usually suffices.
    if _count(body).excess(most) is None:
        return
    outline = _outline(body)
    # The strings first: their number bounds what it takes to find them.
    if excess := _Numbers(0, outline.count(b'"') // 2, 0).excess(most) or _count(_STRING.sub(b"", outline)).excess(
        most
    ):
        raise ParseError(f"The body holds more than {excess}, which no submission needs.")


class _Numbers(NamedTuple):
    containers: int
    strings: int
    values: int

    def excess(self, most: "_Numbers") -> str | None:
        """What there is too much of, such as `1,040 lists and objects`."""
        for number, limit, noun in zip(self, most, ("lists and objects", "strings", "values"), strict=True):
            if number > limit:
                return f"{limit:,} {noun}"
        return None


def _count(text: bytes) -> _Numbers:
    """Upper bounds, where `text` has its strings: what looks like JSON within them is counted, too."""
    containers = text.count(b"[") + text.count(b"{")
    # Each element and each member but the first of its container follows a comma.
    return _Numbers(containers, text.count(b'"') // 2, containers + text.count(b","))


def _outline(body: bytes) -> bytes:
    """Its quotation marks, commas and opening brackets, without escaped quotation marks."""
    return body.replace(rb"\\", b"").replace(rb"\"", b"").translate(None, _NOT_IN_OUTLINE)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        key = _first_repeated(key for key, _ in pairs)
        # Dumped as JSON, because a key may hold characters that no answer can be encoded with.
        raise ParseError(f"The key {json.dumps(key[:64])} occurs twice in one object.")
    return members


def _first_repeated(keys: Iterable[str]) -> str:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    raise AssertionError("no key occurs twice")


def _finite_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ParseError("The body holds a number too large for a float.")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ParseError(f"The body is not JSON: {name} is not a JSON number.")


def _refuse_invalid_text(text: str) -> None:
    """Refuse NUL and lone surrogates, which PostgreSQL cannot store as text; only escapes can contain them."""
    if "\\u" not in text:
        return
    valid = _VALID_ESCAPES.match(text)
    position = valid.end() if valid else 0
    if position < len(text):
        line = text.count("\n", 0, position) + 1
        column = position - text.rfind("\n", 0, position)
        raise ParseError(f"A string holds a NUL character or a lone surrogate, line {line}, column {column}.")
