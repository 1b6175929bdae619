"""Words for findings about photos."""

from django import template

from photos.kinds import KINDS, REASONS, Kind
from photos.models import Finding

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
    """The figures that a finding holds, such as " (distance: 1200)"."""
    shown = ", ".join(
        f"{name.replace('_', ' ')}: {value:,.4g}" if isinstance(value, float) else f"{name.replace('_', ' ')}: {value}"
        for name, value in finding.details.items()
        if isinstance(value, int | float | str)
    )
    return f" ({shown})" if shown else ""
