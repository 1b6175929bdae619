"""The charset that came with a file, and the one that a person names."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import UploadedFile

from tables.errors import UnreadableFileError
from tables.kinds import is_archive
from tables.text import codec_of

KNOWN = "utf-8, utf-16, cp1250 to cp1258, iso-8859-1 to iso-8859-16, koi8-r, gb18030, big5, shift_jis, euc-kr"
# What is declared where there is no charset to declare: `file --mime` says binary.
_NONE = {"", "binary"}


def agreed_encoding(declared: str, chosen: str, head: bytes) -> str:
    """The name of the encoding to read a file in; empty where neither is given, so that it is detected.

    `declared` is the charset of a Content-Type, of the request or of a form's part; `chosen` an option that a person
    set as well, which the reader checks; `head` is the file's beginning: a workbook needs no charset, and some programs
    declare one all the same. Raises UnreadableFileError where `declared` is unknown, or means another
    encoding than `chosen`: to read the file in the wrong one of two would store wrong names.
    """
    if declared.lower() in _NONE or is_archive(head):
        return chosen
    codec = codec_of(declared)
    if not codec:
        raise UnreadableFileError(
            f"is declared with the charset {declared[:40]!r}, which is not known", f"known are {KNOWN}"
        )
    if chosen and codec_of(chosen).removesuffix("-sig") not in {"", codec.removesuffix("-sig")}:
        raise UnreadableFileError(
            f"is declared with the charset {codec} in its Content-Type, and {chosen!r} was chosen as its encoding",
            "name the same in both, or only one",
        )
    return chosen or codec


def charset_of(file: UploadedFile[Any]) -> str:
    """The charset that a form's part declares for its file; empty where it declares none."""
    charset: str | bytes = file.charset or ""  # Django's parser leaves the parameters of a part as bytes
    return charset.decode("latin-1") if isinstance(charset, bytes) else charset
