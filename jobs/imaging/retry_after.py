"""What a server says of when to come back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def seconds(values: Sequence[str]) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date (RFC 9110, section 10.2.3); the first counts."""
    if not values:
        return None
    text = values[0]
    try:
        found = float(int(text))
    except (ValueError, OverflowError):
        try:
            date = parsedate_to_datetime(text)
            found = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
        except (ValueError, OverflowError):
            return None
    return max(found, 0.0)
