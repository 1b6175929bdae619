"""Pages of rows that are named by labels, such as areas: in the order of the labels, one of which may be empty."""

from collections.abc import Mapping
from typing import Any

from api import cursors
from api.v1 import parameters
from api.v1.parameters import Parameter, Unreadable

# Before each label, so that the place behind an empty one is not empty.
_BEHIND = ">"


def write_label_cursor(label: str) -> str:
    """The place behind a label, which may be empty."""
    return cursors.to_text(f"{_BEHIND}{label}".encode())


def _read_label_cursor(text: str) -> str:
    try:
        label = (cursors.from_text(text) or b"").decode()
    except UnicodeDecodeError:
        label = ""
    label = label.removeprefix(_BEHIND)
    if "\0" in label or write_label_cursor(label) != text:
        raise Unreadable("must be the next_cursor of an earlier answer")
    return label


CURSOR = Parameter("cursor", parameters.CURSOR.description, _read_label_cursor)
PAGE = (CURSOR, parameters.LIMIT)


def label_page[Row](rows: Mapping[str, Row], query: Mapping[str, Any], limit: int) -> tuple[list[Row], str | None]:
    """The rows of a page in the order of their labels, and the next page's cursor."""
    labels = sorted(label for label in rows if label > query["cursor"]) if "cursor" in query else sorted(rows)
    shown = labels[:limit]
    return [rows[label] for label in shown], write_label_cursor(shown[-1]) if len(labels) > limit else None
