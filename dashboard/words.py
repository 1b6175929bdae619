"""How times, durations, sizes and addresses are written for people."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode, urlsplit

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from insights.scope import zone
from tables import cells

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_SIZES = ("bytes", "kB", "MB", "GB", "TB", "PB")
# The host and the end of the path distinguish images, the middle does not.
SHORT_URL = 56


def duration(seconds: float | None) -> str:
    """In the two largest units: `1 h 20 min`; below ten seconds with a decimal, below one in milliseconds."""
    if seconds is None:
        return ""
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    left = round(seconds)
    # More units would only look exact.
    first = next(at for at, (_, size) in enumerate(_UNITS) if left >= size)
    parts = []
    for unit, size in _UNITS[first : first + 2]:
        number, left = divmod(left, size)
        if number:
            parts.append(f"{number:,} {unit}")
    return " ".join(parts)


def hours(minutes: float) -> str:
    """`2 h 05 min`, to the minute."""
    whole, rest = divmod(round(minutes), 60)
    return f"{whole:,} h {rest:02} min" if whole else f"{rest} min"


def age(moment: datetime | None) -> SafeString:
    """`<time>` that says how long ago or in how long, with the instant itself as its title.

    By this machine's clock: a difference of a second to the database's does not show in text as coarse as this.
    """
    if moment is None:
        return SafeString("")
    seconds = (timezone.now() - moment).total_seconds()
    if abs(seconds) < 5:
        text = "just now"
    else:
        number, unit = _largest(abs(seconds))
        text = f"{number:,} {unit} ago" if seconds > 0 else f"in {number:,} {unit}"
    return _time(moment, text)


def _largest(seconds: float) -> tuple[int, str]:
    unit, size = next((unit, size) for unit, size in _UNITS if seconds >= size)
    return int(seconds // size), unit


def clock(moment: datetime) -> SafeString:
    """`<time>` with the time of day, and the date where it is not today's; UTC. A date is not broken at its hyphens."""
    if moment.date() == timezone.now().date():
        return _time(moment, f"{moment:%H:%M}")
    return _time(moment, format_html('<span class="nowrap">{}</span> {}', f"{moment:%Y-%m-%d}", f"{moment:%H:%M}"))


def soon(moment: datetime) -> SafeString:
    """`<time>` with the time of day to the second; for moments so near that minutes are too coarse. UTC."""
    return _time(moment, f"{moment:%H:%M:%S}")


def _time(moment: datetime, text: str) -> SafeString:
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exactly(moment), text)


def exactly(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def local(moment: datetime) -> SafeString:
    """`<time>` with day and minute by the service's clock for figures, which the page names."""
    return _time(moment, format_html('<span class="nowrap">{}</span>', f"{moment.astimezone(zone()):%Y-%m-%d %H:%M}"))


def size(number: int | None) -> str:
    """Bytes in decimal units, as shops and disks count: `1.2 MB`."""
    if number is None:
        return ""
    if number < 1000:
        return f"{number} byte{'' if number == 1 else 's'}"
    amount, at = float(number), 0
    # 999.95 is where one decimal rounds up to the next unit.
    while amount >= 999.95 and at < len(_SIZES) - 1:
        amount, at = amount / 1000, at + 1
    return f"{amount:,.1f} {_SIZES[at]}"


def thousands(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def probable(probability: float) -> str:
    """A probability in percent: never a certain 100 %, which no model can give."""
    percent = 100 * probability
    return "over 99.9 % probable" if percent >= 99.95 else f"{percent:.1f} % probable"


def percent(share: float) -> str:
    """Of a share from 0 to 1: `12 %`, `3.4 %`; what is not quite all or nothing is not said to be."""
    number = 100 * share
    if 0 < number < 0.1:
        return "below 0.1 %"
    if 99 < number < 100:
        return f"{min(number, 99.9):.1f} %"
    return f"{number:.1f} %" if number < 10 and number else f"{number:.0f} %"


def query(parts: Mapping[str, str]) -> str:
    """The query string of an address; the template escapes its ampersands."""
    return urlencode(parts)


def visible(value: object) -> str:
    """The text with characters that cannot be seen shown, as `<U+200B>`."""
    return cells.visible(str(value))


def short_url(url: str) -> str:
    """Host and end of the path, at most SHORT_URL characters; an address that cannot be parsed is only cut."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    text = f"{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.netloc else url
    if len(text) <= SHORT_URL:
        return visible(text)
    head = parts.netloc[:24] if parts.netloc else text[:24]
    return visible(f"{head}…{text[-(SHORT_URL - len(head) - 1) :]}")
