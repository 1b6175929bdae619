"""Reading dates and times as clients write them: ISO 8601 and its profile RFC 3339.

More lenient than RFC 3339: a time without an offset is UTC, a date alone is that day in UTC. A leap second
(`23:59:60`) is not read, because no `datetime` can hold it; nor is anything outside the years 1 to 9999.
"""

import re
from datetime import UTC, datetime, timedelta

# Calendar and week dates, alone or with a time. Texts of this shape go to `fromisoformat`, which by itself would
# accept any character between date and time.
_SHAPE = re.compile(
    r"(?:\d{4}-\d\d-\d\d|\d{8}|\d{4}-?W\d\d-?\d)"
    r"([T ]\d\d(?::?\d\d(?::?\d\d(?:[.,]\d+)?)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_DAY = timedelta(days=1)
_LAST = datetime.max.replace(tzinfo=UTC)


def read_instant(text: str) -> datetime | None:
    """The instant, or the first instant of the day, that `text` names, in UTC; None if it is not a date or time."""
    read = _read(text)
    return read[0] if read else None


def read_period(text: str) -> tuple[datetime, datetime] | None:
    """The day or the instant that `text` names, as its start and its (exclusive) end in UTC; None as above."""
    read = _read(text)
    if read is None:
        return None
    first, is_day = read
    length = _DAY if is_day else datetime.resolution
    return first, first + length if _LAST - first > length else _LAST


def _read(text: str) -> tuple[datetime, bool] | None:
    """The first instant, and whether the text names a whole day."""
    shape = _SHAPE.fullmatch(text.upper())
    if shape is None:
        return None
    try:
        instant = datetime.fromisoformat(shape[0])
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        elif instant.tzinfo is not UTC:
            # An offset can move the first and last hours of the calendar out of its range.
            instant = instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return instant, shape[1] is None
