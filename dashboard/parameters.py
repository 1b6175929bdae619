"""What the parameters of an address or a form say. What is not understood is left out, as if it were absent."""

from __future__ import annotations

import re
from collections.abc import Mapping

type Given = Mapping[str, str]

# A list's pages, beyond which nobody turns them one by one.
MOST_PAGES = 100_000


def verbatim(given: Given, name: str, longest: int) -> str:
    """As it was written, for what is compared as written; without NUL, which no text of the database holds."""
    return given.get(name, "").replace("\0", "")[:longest]


def text(given: Given, name: str, longest: int) -> str:
    return given.get(name, "").replace("\0", "").strip()[:longest]


def number(given: Given, name: str) -> int | None:
    """From 1 to 999,999,999."""
    return _number(given, name, 9) or None


def row_id(given: Given, name: str) -> int | None:
    """Of a row, or 0, which is before all of them."""
    return _number(given, name, 18)


def page_number(given: Given, name: str) -> int:
    """Of a list's page, from 1 on."""
    return min(number(given, name) or 1, MOST_PAGES)


def _number(given: Given, name: str, digits: int) -> int | None:
    written = given.get(name, "")
    return int(written) if re.fullmatch(f"[0-9]{{1,{digits}}}", written) else None
