"""Text that a server chose, made safe to store and to show."""

ELLIPSIS = "…"


def printable(text: str, longest: int) -> str:
    """`text` on one line of at most `longest` characters: what cannot be seen is escaped (`\\x00`, `\\u200b`)."""
    # Escapes only add characters, so that more than `longest` of the original are never needed.
    shown = "".join(char if char.isprintable() else _escaped(char) for char in text[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - len(ELLIPSIS)] + ELLIPSIS


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
