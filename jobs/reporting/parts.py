"""Results in a folder: numbered parts, and a manifest that says what they hold.

A part has its name once it is complete, and the manifest is written last, so that whoever sees it sees a whole export.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol

from jobs.reporting.exports import Column, ndjson_lines
from jobs.reporting.whole_files import appearing

MANIFEST = "manifest.json"
# Rows that are held in memory.
BLOCK_ROWS = 5_000

type Row = Sequence[str | None]


class PartFormat(StrEnum):
    NDJSON = "ndjson"
    PARQUET = "parquet"


class FolderInUse(Exception):
    """The folder holds something already; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Part:
    file: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """`to` is the first instant behind the period. `user` is whose jobs it is of; None for all."""

    format: str
    since: datetime
    until: datetime
    user: str | None
    columns: list[dict[str, str]]
    parts: list[Part]

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts)

    def document(self) -> dict[str, Any]:
        return {
            "format": self.format,
            "period": {"from": self.since.isoformat(), "to": self.until.isoformat()},
            "user": self.user,
            "rows": self.rows,
            "bytes": self.bytes,
            "columns": self.columns,
            "parts": [asdict(part) for part in self.parts],
        }


class Writer(Protocol):
    """Writes one part."""

    def write(self, rows: Sequence[Row]) -> None: ...

    def close(self) -> None:
        """Write what belongs at its end; the file stays open."""


class NdjsonWriter:
    def __init__(self, file: IO[bytes], columns: Sequence[Column]) -> None:
        self._file, self._columns = file, columns

    def write(self, rows: Sequence[Row]) -> None:
        self._file.write("".join(ndjson_lines(self._columns, iter(rows))).encode())

    def close(self) -> None:
        pass


def claim_folder(folder: Path) -> None:
    """Make it where it is missing. Raises FolderInUse where it holds anything, OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    if (found := next(folder.iterdir(), None)) is not None:
        raise FolderInUse(
            f"{folder} is not empty: it holds {found.name}. An export begins in an empty folder; what an interrupted "
            f"one has left there, without {MANIFEST}, may be deleted."
        )


def write_parts(
    folder: Path,
    rows: Iterable[Row],
    columns: Sequence[Column],
    writer: Callable[[IO[bytes], Sequence[Column]], Writer],
    ending: str,
    part_rows: int,
) -> list[Part]:
    """Parts of at most `part_rows` rows each, none where there are no rows. Raises OSError, and what `rows` raises."""
    parts: list[Part] = []
    left = iter(rows)
    while first := list(islice(left, min(part_rows, BLOCK_ROWS))):
        name = f"part-{len(parts) + 1:05}.{ending}"
        with appearing(folder / name) as plain:
            file: Any = _Counted(plain)
            into = writer(file, columns)
            written, block = 0, first
            while block:
                into.write(block)
                written += len(block)
                block = list(islice(left, min(part_rows - written, BLOCK_ROWS)))
            into.close()
        parts.append(Part(name, written, file.size, file.digest.hexdigest()))
    return parts


def write_manifest(folder: Path, manifest: Manifest) -> None:
    with appearing(folder / MANIFEST) as file:
        file.write(json.dumps(manifest.document(), indent=2).encode() + b"\n")


def column_types(columns: Sequence[Column]) -> list[dict[str, str]]:
    return [{"name": column.name, "type": column.kind.type.value} for column in columns]


class _Counted:
    """A file that is written from its beginning to its end, with the size and SHA-256 of what was written."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: Any) -> int:
        self._file.write(data)
        self.digest.update(data)
        self.size += (number := memoryview(data).nbytes)
        return number

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self._file.flush()
