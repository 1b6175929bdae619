"""Which visits a figure is about, as query parameters: period, area, category, group and store."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.contrib.auth.models import AnonymousUser, User

from api.v1.parameters import MOST_GROUP, Parameter, Unreadable, integer, text
from api.v1.problems import invalid_parameters
from insights.default_period import WEEKS
from insights.periods import first_day
from insights.scope import DAY_PATTERN, LONGEST_DAYS, Scope, read_day, today
from stores.models.category import MAX_CATEGORY
from stores.models.store import MAX_LENGTHS


def _day(value: str) -> date:
    if (day := read_day(value)) is None:
        raise Unreadable("must be a day from 1970 to 2099, such as 2026-01-31")
    return day


def _day_parameter(name: str, description: str) -> Parameter:
    return Parameter(name, description, _day, {"type": "string", "format": "date", "pattern": f"^{DAY_PATTERN}$"})


AREA = text("area", "Stores of this area.", MAX_LENGTHS["area_code"])
CATEGORY = text("category", "Stores of this category, by its name; empty: those without one.", MAX_CATEGORY)
GROUP = integer("group", "Stores of this group, by its id; none for an unknown one.", 1, MOST_GROUP)
STORE = text("store", "This store, by its id.", MAX_LENGTHS["store_id"])
PERIOD = (
    _day_parameter(
        "from",
        "The first day, which begins where `time_zone` says; by default the Monday with which the last "
        f"{WEEKS} calendar weeks begin, the running one included.",
    ),
    _day_parameter("to", f"The last day; by default today. At most {LONGEST_DAYS} days."),
)


def scope_of(user: User | AnonymousUser, query: Mapping[str, Any]) -> Scope:
    """The scope that the values of these parameters name, as far as a view takes them. Raises a Refusal."""
    until = query.get("to") or today()
    since = query.get("from") or min(first_day(), until)
    if since > until:
        raise invalid_parameters([("from", "from must not be after to.")])
    if (until - since).days >= LONGEST_DAYS:
        raise invalid_parameters([("from", f"from must be at most {LONGEST_DAYS - 1} days before to.")])
    narrowed = {name: query[name] for name in ("area", "category", "group", "store") if name in query}
    return Scope(user, since, until, **narrowed)
