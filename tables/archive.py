"""A workbook's ZIP archive, within bounds: what is not read is not unpacked, and what is read ends at its bound."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from tables.errors import UnreadableFileError

# Bytes: of the directory, some 20,000 parts; and of a part once it is unpacked.
MAX_DIRECTORY = 2**20
MAX_SHEET = 256 * 2**20
MAX_STRINGS = 64 * 2**20
MAX_OTHER = 16 * 2**20

_BROKEN = (
    BadZipFile, EOFError, LookupError, NotImplementedError, OSError, OverflowError, RuntimeError, ValueError, zlib.error
)  # fmt: skip
DAMAGED = "is a damaged workbook"
SAVE_AGAIN = "open it in Excel, and save it again"


class TooLarge(UnreadableFileError):
    """More than a bound; the cure is always to send less."""

    def __init__(self, complaint: str) -> None:
        super().__init__(complaint, "give the rows as CSV, or in several files")


@contextmanager
def damage() -> Iterator[None]:
    """Turns what a broken archive or part raises into UnreadableFileError."""
    try:
        yield
    except _BROKEN as error:
        raise UnreadableFileError(DAMAGED, SAVE_AGAIN) from error


def _plain(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").casefold()


class Archive(ZipFile):
    """Opens parts of at most `limit` unpacked bytes: MAX_OTHER by default.

    A part never yields more than the size in the directory, which is checked before; one that does not match it fails
    with BadZipFile at its end. Names of parts are compared as the format has it (ECMA-376, part 2): without regard to
    case; and as Excel reads them: with `\\` for `/`, and with `/` at the beginning.
    """

    def __init__(self, file: BinaryIO) -> None:
        capped = _Capped(file)
        with damage():
            super().__init__(capped, "r")
        capped.cap = None
        self._by_name = {_plain(info.filename): info for info in self.filelist}

    def __contains__(self, name: str) -> bool:
        return _plain(name) in self._by_name

    def getinfo(self, name: str) -> ZipInfo:
        return self._by_name[_plain(name)]

    def plain_names(self) -> list[str]:
        """The names of all parts in small letters."""
        return list(self._by_name)

    def open(self, name: str | ZipInfo, mode: Any = "r", pwd: bytes | None = None, *,
             force_zip64: bool = False, limit: int = MAX_OTHER) -> IO[bytes]:  # fmt: skip
        with damage():
            info = name if isinstance(name, ZipInfo) else self.getinfo(name)
        if info.flag_bits & 0x1:
            raise UnreadableFileError("is protected with a password", "open it, remove the password, and save it again")
        if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            # Others allocate what the archive tells them to.
            raise UnreadableFileError("is compressed as no workbook is", SAVE_AGAIN)
        if info.file_size > limit:
            raise TooLarge(
                f"is a workbook whose part {info.filename[:64]!r} has {info.file_size:,} bytes once unpacked, where "
                f"{limit:,} are allowed"
            )
        with damage():
            return super().open(info, mode, pwd, force_zip64=force_zip64)


class _Capped:
    """A file that refuses the one long read with which ZipFile takes in a directory of any size."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.cap: int | None = MAX_DIRECTORY

    def read(self, size: int = -1) -> bytes:
        if self.cap is not None and size > self.cap:
            raise TooLarge(f"is an archive whose directory has {size:,} bytes, where {self.cap:,} are allowed")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True
