"""Filters of the pages about visits: figures in their units, shares, and addresses with a filter changed."""

from typing import Any, Protocol

from django import template

from dashboard.store_filters import StoreFilter

register = template.Library()


class InUnits(Protocol):
    def text(self, value: float | None) -> str: ...


@register.filter
def in_units(measure: InUnits, value: float | None) -> str:
    """A value of the measure, with its unit."""
    return measure.text(value)


@register.filter
def percent(share: float) -> str:
    """A share of one, without decimals."""
    return f"{100 * share:.0f} %"


@register.filter
def percent1(share: float) -> str:
    """A share of one, with a decimal."""
    return f"{100 * share:.1f} %"


@register.simple_tag
def asked_with(asked: StoreFilter, **changed: Any) -> str:
    """The page's filters as a query string, with some of them changed."""
    return asked.query(**changed)
