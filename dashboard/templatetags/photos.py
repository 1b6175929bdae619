"""Words for findings about photos."""

from collections.abc import Callable, Mapping
from typing import Any

from django import template

from dashboard.words import visible
from photos import kinds
from photos.kinds import KINDS, REASONS, Kind
from photos.models import Finding
from photos.statements import ZONES_APART

register = template.Library()


@register.filter
def kind_of(finding: Finding) -> Kind | None:
    return KINDS.get(finding.code)


@register.filter
def title_of(code: str) -> str:
    return KINDS[code].title if code in KINDS else code


@register.filter
def reason_in_words(reason: str) -> str:
    return REASONS.get(reason, reason)


@register.filter
def measured_finding(finding: Finding) -> str:
    """What was measured and what is allowed, such as " (1.2 km from the store, where 500 m are allowed)"."""
    words = _WORDS.get(finding.code)
    if words is None or not finding.details:
        return ""
    try:
        return f" ({words(finding.details)})"
    except (KeyError, TypeError, ValueError):
        # Found by another version, which measured something else.
        return ""


def _equal(details: Mapping[str, Any]) -> str:
    day = f" on {details['day']}" if details["day"] else ""
    return f"of store {visible(details['store'])}{day}; {details['different_bits']} of 128 bits differ"


def _apart_in_time(details: Mapping[str, Any]) -> str:
    when = "before" if details["hours"] < 0 else "after"
    zone = "" if details["time_zone_known"] else f", and {ZONES_APART} more as no time zone is named"
    return f"{abs(details['hours']):,.4g} hours {when} the visit, where {details['most']:g} are allowed{zone}"


def _apart(details: Mapping[str, Any]) -> str:
    return f"{_distance(details['metres'])} from the store, where {_distance(details['most'])} are allowed"


def _distance(metres: float) -> str:
    return f"{metres:,.0f} m" if metres < KILOMETRE else f"{metres / KILOMETRE:,.3g} km"


def _share(details: Mapping[str, Any]) -> str:
    return f"{100 * details['share']:.0f} % of the name was read"


KILOMETRE = 1000
_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    kinds.OTHER_STORE: _equal,
    kinds.OTHER_DAY: _equal,
    kinds.OTHER_TIME: _apart_in_time,
    kinds.ELSEWHERE: _apart,
    kinds.BLURRED: lambda details: f"sharpness {details['sharpness']:g}, below {details['below']:g}",
    kinds.DARK: lambda details: f"mean gray {details['brightness']:g}, below {details['below']:g}",
    kinds.SHOWS_NAME: _share,
    kinds.NAME_NOT_SEEN: _share,
}
