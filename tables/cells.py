"""What is in a cell and cannot be seen, and what a spreadsheet made of an id."""

from __future__ import annotations

import re
import unicodedata

# Controls, format characters, halves of surrogate pairs, line and paragraph separators (categories Cc, Cf, Cs, Zl, Zp),
# and what else Unicode has without a glyph: fillers, variation selectors, joiners that are marks or letters.
_INVISIBLE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f-\u1160"
    "\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "]"
)
_INVISIBLE_BUT_LINE_BREAKS = re.compile(rf"(?![\r\n\t]){_INVISIBLE.pattern}")
# White space that is not the ordinary blank and looks like it.
_ODD_SPACE = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")


def number_of(character: str) -> str:
    """For example `U+200B`."""
    return f"U+{ord(character):04X}"


def find_invisible(text: str) -> re.Match[str] | None:
    """The first character that cannot be seen: of the categories Cc, Cf, Cs, Zl and Zp, or without a glyph."""
    if text.isascii() and text.isprintable():
        return None
    return _INVISIBLE.search(text)


def visible(text: str) -> str:
    """`text` with its invisible characters shown, as `<U+200B>`; tabs and line ends stay."""
    if text.isascii() and text.isprintable():
        return text
    return _INVISIBLE_BUT_LINE_BREAKS.sub(lambda found: f"<{number_of(found[0])}>", text)


def without_invisible(text: str) -> str:
    return text if text.isascii() and text.isprintable() else _INVISIBLE.sub("", text)


def invisible_complaint(text: str) -> str | None:
    """For example `holds the invisible character U+200B at position 3: 'S1<U+200B>'`; None where all can be seen."""
    found = find_invisible(text)
    if found is None:
        return None
    kind = "control" if unicodedata.category(found[0]) == "Cc" else "invisible"
    shown = _INVISIBLE.sub(lambda each: f"<{number_of(each[0])}>", text[:64])
    return f"holds the {kind} character {number_of(found[0])} at position {found.start() + 1}: '{shown}'"


_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
# By cause, what a spreadsheet makes of an id: each matches a whole id.
_DOUBTS = {
    "formula": "=.*",
    "error_value": "#(?:[A-Z][A-Z0-9_/]*[!?]?|#+)",
    "apostrophe": "['\u2018\u2019`].*",
    "quoted": '".*"',
    "shortened": r"[+-]?\d+(?:[.,]\d+)?[Ee][+-]?\d{1,3}",
    "decimal": r"[+-]?\d+[.,]0+",
    "digits": r"\d{15}0+",
    "missing": r"(?i:nan|null|nil|none|n/?a|n\.a\.|undefined|<na>|nat)|-+",
    "date": rf"\d{{1,2}}[-/ ]{_MONTH}[a-z]*(?:[-/ ]\d{{2,4}})?|{_MONTH}[-/ ]\d{{2,4}}"
    r"|\d{1,2}[./]\d{1,2}[./]\d{4}|\d{4}-\d\d-\d\d(?:[ T]00:00:00)?",
    "truth_value": "(?i:true|false)",
}


def _any_of(*causes: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<{cause}>{_DOUBTS[cause]})" for cause in causes), re.DOTALL)


# By the first character, those that can be: asking for all of them would take longer than reading the row.
_NUMBERS = _any_of("shortened", "decimal", "digits", "missing", "date")
_WORDS = _any_of("missing", "truth_value", "date")
_BY_FIRST = {
    **dict.fromkeys("0123456789+-", _NUMBERS),
    **dict.fromkeys("ADFJMNOSTUdfjmnostu<", _WORDS),
    **dict.fromkeys("=", _any_of("formula")),
    **dict.fromkeys("#", _any_of("error_value")),
    **dict.fromkeys("'\u2018\u2019`", _any_of("apostrophe")),
    **dict.fromkeys('"', _any_of("quoted")),
}
_ERROR_VALUE = re.compile(_DOUBTS["error_value"])


def doubt_about_id(text: str) -> str | None:
    """Why this is probably not the id that was meant, as a key of `doubts.CAUSES`; None for any other text."""
    possible = _BY_FIRST.get(text[:1])
    if possible is not None and (found := possible.fullmatch(text)):
        return found.lastgroup
    return None if text.isascii() or _ODD_SPACE.search(text) is None else "odd_space"


def is_error_value(text: str) -> bool:
    """Whether a spreadsheet's error stands where a text should, such as `#N/A` and `#REF!`."""
    return text.startswith("#") and _ERROR_VALUE.fullmatch(text) is not None
