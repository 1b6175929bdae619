"""What a file is that is no table, by its first bytes: never by its name, which people change."""

from __future__ import annotations

import re
from typing import BinaryIO

from tables.errors import UnreadableFileError

HEAD_BYTES = 4096
BLOCK_BYTES = 2**20

_SAVE = "open it in the program that made it, and save it as .xlsx or as CSV"
_EXPORT = "give the data in it as .xlsx or as CSV"
_UNPACK = "unpack it, and give the file that is in it"

# What a file begins with, what it then is, and what to do. Only beginnings that no header of a table has.
_BEGINNINGS = (
    (rb"\x1f\x8b", "is compressed with gzip", _UNPACK),
    (rb"\x1f[\x9d\xa0]", "is compressed with compress", _UNPACK),
    (rb"BZh[1-9]1AY&SY", "is compressed with bzip2", _UNPACK),
    (rb"\xfd7zXZ\0", "is compressed with xz", _UNPACK),
    (rb"\x28\xb5\x2f\xfd", "is compressed with zstd", _UNPACK),
    (rb"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive", _UNPACK),
    (rb"Rar!\x1a\x07", "is a RAR archive", _UNPACK),
    (rb".{257}ustar", "is a tar archive", _UNPACK),
    (rb"\t[\0\x02\x04\x08][\x04\x06\x08\x10]\0", "is an old Excel workbook (.xls)", _SAVE),
    (rb"\s*%PDF-", "is a PDF document", _EXPORT),
    (rb"\{\\rtf", "is a text document (RTF)", _EXPORT),
    (rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|II\*\0|MM\0\*|RIFF.{4}WEBP|.{4}ftyp(?:hei|mif|avi|hev|msf)|8BPS",
     "is an image", _EXPORT),
    (rb"BM.{4}\0\0\0\0.{4}[\x0c\x28\x6c\x7c]\0\0\0", "is an image", _EXPORT),
    (rb".{4}ftyp|\x1aE\xdf\xa3|RIFF.{4}AVI |ID3[\x02-\x04]|OggS\0|fLaC", "is a video or sound file", _EXPORT),
    (rb"SQLite format 3\0", "is an SQLite database", _EXPORT),
    (rb"\0[\x01]\0\0Standard (?:Jet|ACE) DB", "is an Access database", _EXPORT),
    (rb"PAR1", "is a Parquet file", _EXPORT),
    (rb"Obj\x01", "is an Avro file", _EXPORT),
    (rb"\x7fELF|MZ.{30,}(?s:.*)This program", "is a program", "give a table instead"),
    (rb"-----BEGIN PGP MESSAGE|\x85[\x01-\x04]\x0c\x03", "is encrypted with PGP", "decrypt it"),
    (rb"bplist0", "is a property list", _EXPORT),
    (rb"\x04\x22\x4d\x18", "is compressed with lz4", _UNPACK),
    (rb"LZIP\x01", "is compressed with lzip", _UNPACK),
    (rb"MSCF\0\0\0\0", "is a cabinet archive", _UNPACK),
    (rb"ID;P(?:WXL|SCALC3|CALCOOO32)\b", "is a SYLK spreadsheet (.slk)", _SAVE),
    (rb"TABLE\r?\n0,1\r?\n", "is a spreadsheet in the Data Interchange Format (.dif)", _SAVE),
    (rb"\0\0\x02\0[\x04-\x06]\x04", "is a Lotus spreadsheet", _SAVE),
    (rb"[\x03\x30\x31\x43\x83\x8b\xf5].[\x01-\x0c][\x01-\x1f].{24,26}\0\0[A-Z_0-9]+\0", "is a dBase table", _SAVE),
    (rb"(?i:MIME-Version: ?1\.0)", "is a web page in one file (MHTML), or an e-mail", _SAVE),
    (rb"\{\"url\": ?\"https://docs\.google", "is a link to a Google document", "open it, and download it as .xlsx"),
    (rb"ARROW1\0\0", "is an Arrow file", _EXPORT),
    (rb"\x89HDF\r\n", "is an HDF5 file", _EXPORT),
    (rb"\$FL[23]@\(#\)", "is an SPSS file", _EXPORT),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "is a PostScript document", _EXPORT),
    (rb"version https://git-lfs", "is a pointer to a file kept by Git LFS", "fetch the file with git lfs pull"),
    (rb"\[InternetShortcut\]", "is a link to a web page", "open it, and give the file that it leads to"),
)  # fmt: skip
_KINDS = [(re.compile(beginning, re.DOTALL), what, cure) for beginning, what, cure in _BEGINNINGS]
_MARKUP = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)*<(!doctype\s+html|[a-z?!][\w:-]*)", re.DOTALL | re.IGNORECASE
)
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body|table|meta|script|style|div|p|h1|title)\b", re.IGNORECASE)

# Of ZIP archives: a part that only this kind has.
_ARCHIVES = (
    ("xl/workbook.bin", "is a binary Excel workbook (.xlsb)", _SAVE),
    ("word/document.xml", "is a Word document", _EXPORT),
    ("ppt/presentation.xml", "is a PowerPoint presentation", _EXPORT),
    ("Index/Document.iwa", "is a Numbers, Pages or Keynote document", "export it as .xlsx or as CSV"),
    ("META-INF/MANIFEST.MF", "is a Java archive", "give a table instead"),
)
_OPEN_DOCUMENT = b"application/vnd.oasis.opendocument."
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Streams of an OLE container, and what it then is.
_STREAMS = (
    ("EncryptedPackage", "is a workbook protected with a password", "open it, remove the password, and save it again"),
    ("WordDocument", "is an old Word document", _EXPORT),
    ("PowerPoint Document", "is an old PowerPoint presentation", _EXPORT),
    ("Workbook", "is an old Excel workbook (.xls)", _SAVE),
    ("Book", "is an old Excel workbook (.xls)", _SAVE),
)


def is_archive(head: bytes) -> bool:
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"))


def refuse_foreign(file: BinaryIO, head: bytes) -> None:
    """Raises UnreadableFileError where the first HEAD_BYTES of `file` are those of another kind than text."""
    if head.startswith(_OLE):
        _refuse_container(file)
    for beginning, what, cure in _KINDS:
        if beginning.match(head):
            raise UnreadableFileError(what, cure)
    if markup := _MARKUP.match(head):
        _refuse_markup(head, markup[1].lower())


def refuse_archive(names: list[str], mimetype: bytes) -> None:
    """For a ZIP archive of these parts, in small letters, which is no workbook. Raises UnreadableFileError.

    `mimetype` is the content of the part of that name, empty without one.
    """
    if mimetype.startswith(_OPEN_DOCUMENT):
        kind = mimetype.removeprefix(_OPEN_DOCUMENT)
        if kind.startswith(b"spreadsheet"):
            raise UnreadableFileError("is a LibreOffice workbook (.ods)", "open it, and save it as .xlsx or as CSV")
        raise UnreadableFileError("is a LibreOffice document", _EXPORT)
    for part, what, cure in _ARCHIVES:
        if part.casefold() in names:
            raise UnreadableFileError(what, cure)
    raise UnreadableFileError("is a ZIP archive and no workbook", _UNPACK)


def _refuse_container(file: BinaryIO) -> None:
    found = set()
    file.seek(0)
    tail = b""
    while block := file.read(BLOCK_BYTES):
        searched = tail + block
        found |= {name for name, _, _ in _STREAMS if f"{name}\0".encode("utf-16-le") in searched}
        tail = block[-64:]
    for name, what, cure in _STREAMS:
        if name in found:
            raise UnreadableFileError(what, cure)
    raise UnreadableFileError("is an old Office document", _SAVE)


def _refuse_markup(head: bytes, tag: bytes) -> None:
    if b"urn:schemas-microsoft-com:office:spreadsheet" in head:
        raise UnreadableFileError("is an XML Spreadsheet of 2003", _SAVE)
    if _OPEN_DOCUMENT in head:
        raise UnreadableFileError("is a flat LibreOffice document", _SAVE)
    if tag.startswith(b"!doctype") or _HTML.search(head):
        raise UnreadableFileError(
            "is a web page",
            "if it came from an address, look at it in a browser, which may ask to sign in; if a program wrote it as a "
            "table, open it in a spreadsheet, and save it as .xlsx or as CSV",
        )
    raise UnreadableFileError("is an XML document", _EXPORT)
