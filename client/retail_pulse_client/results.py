"""The results feed into a file: each result once, whatever is killed and whenever.

The file is appended to and made durable first; then the cursor is, together with the file's length. What was written
behind that length is cut off at the next start, and fetched again.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .errors import ClientError
from .files import appearing, make_durable


class Kept:
    """The cursor of a file of results, kept in a file of its own.

    Raises ClientError where the two do not belong together.
    """

    def __init__(self, path: Path, of: Path) -> None:
        self._path, self._of = path, of
        self.cursor, self.length = "", 0
        if path.exists():
            self.cursor, self.length = self._read()
        found = of.stat().st_size if of.exists() else 0
        if found < self.length or (found and not path.exists()):
            raise ClientError(
                f"{path} does not belong to {of}: that has {found:,} bytes, and {self.length:,} are known. "
                "Begin with two new files."
            )

    def _read(self) -> tuple[str, int]:
        try:
            found = json.loads(self._path.read_text())
            cursor, length = found["cursor"], found["length"]
        except (ValueError, KeyError, TypeError):
            cursor, length = None, None
        if not isinstance(cursor, str) or not isinstance(length, int) or length < 0:
            raise ClientError(f"{self._path} holds no cursor of results.")
        return cursor, length

    def keep(self, cursor: str, length: int) -> None:
        """At once: a crash leaves this or what was kept before."""
        with appearing(self._path) as file:
            file.write(json.dumps({"cursor": cursor, "length": length}).encode())
        make_durable(self._path.parent)
        self.cursor, self.length = cursor, length


def append(pages: Callable[[str], Iterator[Any]], path: Path, cursor_path: Path) -> int:
    """Append what is new, as NDJSON, to the file at `path`. Returns how many results there were.

    `pages` gives those behind a cursor. One process at a time. Raises ClientError, and whatever `pages` raises.
    """
    kept = Kept(cursor_path, path)
    number = 0
    is_new = not path.exists()
    if not cursor_path.exists():
        # So that what is written from now on is known to be behind it.
        kept.keep("", 0)
    with path.open("ab") as file:
        file.truncate(kept.length)
        if is_new:
            make_durable(path.parent)
        for page in pages(kept.cursor):
            lines = [json.dumps(result, ensure_ascii=True) + "\n" for result in page["results"]]
            file.write("".join(lines).encode())
            file.flush()
            os.fsync(file.fileno())
            if page["next_cursor"] != kept.cursor:
                kept.keep(page["next_cursor"], os.fstat(file.fileno()).st_size)
            number += len(lines)
    return number
