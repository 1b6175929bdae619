"""How old is old enough: what people write for it."""

import re
from datetime import datetime, timedelta

from jobs.submission.dates import read_instant

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
ALLOWED = "allowed is a number of hours, days or weeks, such as 12h, 90d or 8w, or a past date, such as 2026-01-31"


class UnclearAge(ValueError):
    """The text completes a sentence that begins with what was written."""


def read_age(text: str, now: datetime) -> datetime:
    """The instant before which a job must have ended: `90d` before `now`, or the date or RFC 3339 time itself.

    Raises UnclearAge for what is neither, and for what is not past.
    """
    if age := re.fullmatch(r"([0-9]{1,9})([hdw])", text):
        if int(age[1]) == 0:
            raise UnclearAge(f"would delete every job that has ended: {ALLOWED}.")
        try:
            return now - int(age[1]) * _UNITS[age[2]]
        except OverflowError:
            raise UnclearAge(f"leads back before the year 1: {ALLOWED}.") from None
    instant = read_instant(text)
    if instant is None:
        raise UnclearAge(f"is neither an age nor a date: {ALLOWED}.")
    if instant > now:
        raise UnclearAge(f"is in the future: {ALLOWED}.")
    return instant
