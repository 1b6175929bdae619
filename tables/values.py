"""What a workbook's cell shows, as text: ids as they look in Excel, dates in ISO 8601."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import NamedTuple

from tables.archive import DAMAGED, SAVE_AGAIN
from tables.errors import UnreadableFileError
from tables.streams import RawCell, SharedTexts, Styles, unescaped

# Significant digits of a number in Excel.
DIGITS = 15
_ZEROS = re.compile("0+")
_HAS_TIME = re.compile("[hs]", re.IGNORECASE)


class Mark(NamedTuple):
    """What a cell's text does not tell: it cannot be taken (`fault`, a complaint), or is doubtful (`doubt`, a key of
    `doubts.CAUSES`)."""

    fault: str | None
    doubt: str | None


class Values:
    """Turns the cells of one workbook into texts."""

    def __init__(self, texts: SharedTexts | None, styles: Styles | None, epoch: datetime) -> None:
        self._texts = texts
        self._styles = styles
        self._epoch = epoch
        self._codes: dict[str, tuple[str, bool, bool]] = {}

    def text_of(self, cell: RawCell, place: str) -> tuple[str, Mark | None]:
        """The text and what else there is to say; `place` is the cell's own name, such as B17."""
        kind, text = cell.kind, cell.text
        if text is None or (text == "" and kind != "str"):
            if cell.has_formula:
                return "", Mark(f"holds a formula without its result (cell {place}); {SAVE_AGAIN}", None)
            return "", None
        if kind == "s":
            return self._shared(text), None
        if kind in ("str", "inlineStr"):
            return unescaped(text), None
        if kind == "n":
            return self._number(text, cell.style, place)
        if kind == "b":
            return ("FALSE" if text.strip() in ("0", "false") else "TRUE"), Mark(None, "truth_value")
        if kind == "e":
            return text, Mark(f"holds the error {text[:32]!r} (cell {place})", None)
        if kind == "d":
            return text, Mark(None, "date")
        raise UnreadableFileError(DAMAGED, SAVE_AGAIN)

    def _shared(self, number: str) -> str:
        try:
            if self._texts is not None:
                return self._texts[int(number)]
        except (ValueError, IndexError):
            pass
        raise UnreadableFileError(DAMAGED, SAVE_AGAIN)

    def _number(self, text: str, style: str, place: str) -> tuple[str, Mark | None]:
        code, is_date, is_duration = self._codes.get(style) or self._code(style)
        try:
            number = Decimal(text)
            if not isfinite(float(number)):
                raise ValueError(text)
            if is_date and not is_duration:
                try:
                    if number < 0:
                        raise ValueError(text)
                    return self._date(float(number), code), Mark(None, "date")
                except (OverflowError, ValueError):
                    # Excel shows nothing but number signs there.
                    fault = f"holds a number that is no date, in a date's format (cell {place}); give it another format"
                    return text, Mark(fault, None)
            # Some 300 zeros at most: a float, as the format has it.
            rounded = Decimal(f"{float(number):.{DIGITS}g}")
            shown = f"{rounded:f}"
        except (InvalidOperation, OverflowError, ValueError):
            raise UnreadableFileError(DAMAGED, SAVE_AGAIN) from None
        if "." in shown:
            shown = shown.rstrip("0").rstrip(".")
        if _ZEROS.fullmatch(code) and shown.isdigit():
            return shown.zfill(min(len(code), 64)), None
        return shown, Mark(None, "digits" if len(shown.lstrip("-")) > DIGITS else "number")

    def _date(self, days: float, code: str) -> str:
        from openpyxl.utils.datetime import from_excel

        moment = from_excel(days, self._epoch)
        if isinstance(moment, time | timedelta):
            return moment.isoformat() if isinstance(moment, time) else str(moment)
        assert isinstance(moment, datetime)
        if moment.time() == time(0) and not _HAS_TIME.search(code):
            return moment.date().isoformat()
        return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")

    def _code(self, style: str) -> tuple[str, bool, bool]:
        from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format

        try:
            number = self._styles.formats[int(style)] if self._styles is not None else 0
        except (ValueError, IndexError):
            number = 0
        codes = self._styles.codes if self._styles is not None else {}
        code = codes.get(number) or BUILTIN_FORMATS.get(number, "General")
        if len(self._codes) < 10_000:
            self._codes[style] = code, is_date_format(code), is_timedelta_format(code)
            return self._codes[style]
        return code, is_date_format(code), is_timedelta_format(code)
