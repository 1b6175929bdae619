"""Bodies as strict JSON, refused before they are decoded where they hold more than any submission needs."""

import codecs
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import IO, Any, NamedTuple, NoReturn

from django.conf import settings
from django.utils.http import parse_header_parameters
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

# Text up to the first escaped NUL or lone surrogate; its escapes are known to be well formed.
_VALID_ESCAPES = re.compile(r"(?:[^\\]++|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\(?!u0000|u[dD][89a-fA-F]).)*+", re.DOTALL)
# A string in an outline, also one that is never closed: the search must not start again within it.
_STRING = re.compile(rb'"[^"]*+"?')
_NOT_IN_OUTLINE = bytes(set(range(256)) - set(b'"[{,'))
# UTF-8 by its names, and what is a part of it.
_UTF_8 = {"utf-8", "utf8", "us-ascii", "ascii"}
_GZIP = b"\x1f\x8b"


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
