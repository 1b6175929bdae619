"""Tags and filters of the dashboard's templates: the frame, states, progress and plots.

`dashboard.words` writes times, sizes and addresses; `dashboard.charts` computes plots.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template
from django.template import Context
from django.template.defaultfilters import pluralize
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from access import rights
from dashboard import charts, words
from dashboard.appearance import APPEARANCES, appearance_of
from dashboard.frame import MOST_ALERTS, news_of
from insights.figures import FEWEST, TOO_FEW, Figure
from insights.forecasts import Estimate
from insights.models import Measure
from jobs.error_help import explain
from jobs.models import Job
from jobs.reporting.hosts import Waits, displayed, reason
from jobs.reporting.throughput import Throughput
from webhooks.models import Endpoint

register = template.Library()
for _filter in (
    words.age,
    words.clock,
    words.duration,
    words.hours,
    words.local,
    words.percent,
    words.probable,
    words.query,
    words.short_url,
    words.size,
    words.thousands,
    words.visible,
    displayed,
    reason,
):
    register.filter(_filter.__name__, _filter)


def _everybody(user: Any) -> bool:
    return True


def _may_only_see_imports(user: Any) -> bool:
    return rights.may_see_imports(user) and not rights.may_import_stores(user)


# Name of the path, label, for whom it is.
_SECTIONS = (
    ("dashboard:jobs", "Jobs", _everybody),
    ("dashboard:areas", "Areas", _everybody),
    ("dashboard:visits", "Visits", _everybody),
    ("dashboard:needs_a_look", "Photos", _everybody),
    ("dashboard:alerts", "Alerts", _everybody),
    ("dashboard:stores", "Stores", _everybody),
    ("dashboard:reports", "Reports", _everybody),
    ("dashboard:submit", "Submit", _everybody),
    ("dashboard:webhooks", "Webhooks", _everybody),
    ("dashboard:operations", "Operations", rights.may_see_operations),
    ("api-docs", "API docs", _everybody),
    ("admin:index", "Admin", rights.may_use_admin),
)

# The pages about stores, likewise.
_PAGES_OF_STORES = (
    ("dashboard:stores", "All stores", _everybody),
    ("dashboard:problems", "Problem stores", _everybody),
    ("dashboard:categories", "Categories", _everybody),
    ("dashboard:category_rules", "Category rules", _everybody),
    ("dashboard:groups", "Groups", _everybody),
    ("dashboard:duplicates", "Duplicates", _everybody),
    ("dashboard:route", "Route", _everybody),
    ("dashboard:import_stores", "Import a file", rights.may_import_stores),
    ("dashboard:import_stores", "Imports", _may_only_see_imports),
)


@dataclass(frozen=True, slots=True)
class Section:
    """A link. `number` is what waits behind it, as it is shown, or empty."""

    url: str
    label: str
    current: bool
    number: str = ""


@register.simple_tag(takes_context=True)
def sections(context: Context) -> list[Section]:
    """The links of the frame that this user may follow, and which of them leads here."""
    request = context["request"]
    links = []
    for name, label, is_for in _SECTIONS:
        if not is_for(request.user):
            continue
        try:
            url = reverse(name)
        except NoReverseMatch:
            continue  # a section that this service lacks
        under = (url, reverse("dashboard:problems")) if name == "dashboard:stores" else url
        number = _open_alerts(news_of(request).alerts) if name == "dashboard:alerts" else ""
        links.append(Section(url, label, request.path.startswith(under), number))
    return links


def _open_alerts(number: int) -> str:
    return f"{MOST_ALERTS}+" if number > MOST_ALERTS else str(number or "")


@register.simple_tag(takes_context=True)
def disabled_webhooks(context: Context) -> Sequence[Endpoint]:
    """Those of the user that the service has switched off by itself."""
    return news_of(context["request"]).disabled


@register.simple_tag(takes_context=True)
def pages_of_stores(context: Context) -> list[Section]:
    """The pages about stores that this user may see; the longest address that the page's begins with is the current."""
    request = context["request"]
    pages = [(reverse(name), label) for name, label, is_for in _PAGES_OF_STORES if is_for(request.user)]
    current = max((url for url, _ in pages if request.path.startswith(url)), key=len, default="")
    return [Section(url, label, url == current) for url, label in pages]


@register.simple_tag(takes_context=True)
def theme(context: Context) -> SafeString:
    """The attribute of `<html>` where somebody chose light or dark."""
    chosen = appearance_of(context.get("request"))
    return format_html(' data-theme="{}"', chosen) if chosen != "system" else SafeString("")


@register.simple_tag(takes_context=True)
def appearances(context: Context) -> list[dict[str, Any]]:
    """What can be chosen, and which one is chosen."""
    chosen = appearance_of(context.get("request"))
    return [{"value": value, "label": label, "current": value == chosen} for value, label in APPEARANCES.items()]


@register.simple_tag
def state(word: str | None) -> SafeString:
    """A badge with one of the words of jobs/states.py."""
    return format_html('<span class="state {0}">{0}</span>', str(word)) if word else SafeString("")


@register.inclusion_tag("dashboard/parts/progress.html")
def progress(job: Job) -> dict[str, Any]:
    """How far a job `with_running` is: completed, failed, canceled and in flight, each a part of the bar."""
    counts = {
        "completed": job.completed,
        "failed": job.failed - job.canceled,
        "canceled": job.canceled,
        "running": job.running,
    }
    parts, at = [], 0.0
    for name, images in counts.items():
        width = 100 * images / job.total
        if images:
            parts.append({"name": name, "x": f"{at:.3f}", "width": f"{width:.3f}"})
        at += width
    said = [f"{images:,} {'in flight' if name == 'running' else name}" for name, images in counts.items() if images]
    return {
        "parts": parts,
        "said": f"{', '.join(said) or 'None finished'} of {job.total:,} image{pluralize(job.total)}",
    }


@register.inclusion_tag("dashboard/parts/columns.html")
def chart(data: Throughput | charts.Columns) -> dict[str, Any]:
    """Images over time, with their table."""
    return {"chart": charts.throughput(data) if isinstance(data, Throughput) else data}


@register.simple_tag
def ends(estimates: dict[int, Estimate], waits: dict[int, Waits], job: Job) -> SafeString:
    """When a job may end; where that cannot be known, why."""
    if found := estimates.get(job.pk):
        return ends_between(found)
    waiting = waits.get(job.pk)
    if waiting is None or not waiting.is_all:
        return SafeString('<span class="quiet">not known yet</span>')
    first, *others = waiting.hosts
    more = f" and {len(others) + waiting.more:,} more" if others else ""
    return format_html('<span><span class="quiet">waits for</span> {}{}</span>', first.name, more)


@register.simple_tag
def until(moment: datetime, *, bare: bool = False) -> SafeString:
    """How long a pause lasts: "until 12:04:30", or `bare`, for a table, with how far that is away.

    After its end the host is being tried, or no worker is alive.
    """
    if moment <= timezone.now():
        return SafeString("being tried" if bare else "until it answers; it is being tried")
    if bare:
        return format_html('{} <span class="quiet nowrap">{}</span>', words.soon(moment), words.age(moment))
    return format_html("until {}", words.soon(moment))


@register.simple_tag
def ends_between(estimate: Estimate) -> SafeString:
    """A range, as it was for most of the past jobs; else the time before which the job will not end."""
    earliest, latest = estimate.earliest, estimate.latest
    if latest is None:
        return format_html("not before {}", words.clock(earliest))
    if words.exactly(earliest)[:16] == words.exactly(latest)[:16]:
        return format_html("about {}", words.clock(latest))
    return format_html("{} to {}", words.clock(earliest), words.clock(latest))


@register.simple_tag
def figure(found: Figure, digits: int, of: str, unit: str = "") -> SafeString:
    """A figure with its interval and of how many it is; where it is not known, why."""
    if found.value is None or found.low is None or found.high is None:
        return format_html('not known <small class="quiet">{}</small>', _why(found, of))
    value, low, high = (f"{number:,.{digits}f}" for number in (found.value, found.low, found.high))
    return format_html("{} {} <small>{} to {}, n = {}</small>", value, unit, low, high, f"{found.n:,} {of}")


def _why(found: Figure, of: str) -> str:
    if found.why == TOO_FEW:
        return f"too few: {found.n:,} {of}, it takes {FEWEST}"
    return "all within one block of days, so that nobody knows how sure it is"


@register.simple_tag
def measured(measure: Measure, value: int | Figure) -> SafeString:
    """A cell of a report: a rate in percent, a mean in its unit."""
    if isinstance(value, int):
        return SafeString(f"{value:,}")
    if value.value is None or value.low is None or value.high is None:
        short = "too few" if value.why == TOO_FEW else "one block of days"
        return format_html('<span class="quiet">{} <small>n = {}</small></span>', short, f"{value.n:,}")
    factor, unit = _UNITS[measure]
    middle, low, high = (f"{factor * number:,.1f}" for number in (value.value, value.low, value.high))
    return format_html("{} {} <small>{} to {}, n = {}</small>", middle, unit, low, high, f"{value.n:,}")


# Of a report's figures: the factor, and the unit after it.
_UNITS = {Measure.FAILURE_RATE: (100, "%"), Measure.FETCH_MS: (1, "ms"), Measure.TURNAROUND: (1, "s")}


@register.inclusion_tag("dashboard/parts/explanation.html")
def explanation(code: str) -> dict[str, Any]:
    """What usually causes an error, what to do, whether a retry can help, and where to read on."""
    return {"explanation": explain(code)}
