"""The charset that came with a file, and the one that a person names."""

from __future__ import annotations

import codecs
from typing import Any

from django.core.files.uploadedfile import UploadedFile

from tables.errors import UnreadableFileError

KNOWN = "utf-8, utf-16, cp1250 to cp1258, iso-8859-1 to iso-8859-16, koi8-r, gb18030, big5, shift_jis, euc-kr"


def agreed_encoding(declared: str, chosen: str = "") -> str:
    """The name of the encoding to read a file in; empty where neither is given, so that it is detected.

    `declared` is the charset of a Content-Type, of the request or of a form's part; `chosen` an option that a person
    set as well, which the reader checks. Raises UnreadableFileError where `declared` is unknown, or means another
    encoding than `chosen`: to read the file in the wrong one of two would store wrong names.
    """
    if not declared:
        return chosen
    codec = _codec(declared)
    if not codec:
        raise UnreadableFileError(
            f"is declared with the charset {declared[:40]!r}, which is not known", f"known are {KNOWN}"
        )
    if chosen and _codec(chosen) not in {"", codec}:
        raise UnreadableFileError(
            f"is declared with the charset {codec} in its Content-Type, and {chosen!r} was chosen as its encoding",
            "name the same in both, or only one",
        )
    return chosen or codec


def charset_of(file: UploadedFile[Any]) -> str:
    """The charset that a form's part declares for its file; empty where it declares none."""
    charset: str | bytes = file.charset or ""  # Django's parser leaves the parameters of a part as bytes
    return charset.decode("latin-1") if isinstance(charset, bytes) else charset


def _codec(name: str) -> str:
    """Python's name for an encoding of text; empty for anything else."""
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        return ""
    return codec.name if codec._is_text_encoding else ""
