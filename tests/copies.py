"""What is asked by COPY, which Django's wrappers of statements do not see."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest


@contextmanager
def copies() -> Iterator[list[Any]]:
    """The COPY statements within the block, in their order."""
    found: list[Any] = []
    copy = psycopg.Cursor.copy

    def note(cursor: psycopg.Cursor[Any], statement: Any, *rest: Any, **more: Any) -> Any:
        found.append(statement)
        return copy(cursor, statement, *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Cursor, "copy", note)
        yield found
