"""How many of each store's images failed, beside how many failed of the others at the same hosts.

A visit counts for its most frequent host, and its images once they were tried: those that failed without a try say
nothing about store or host.

Rates need every visit of their period, each with its host: seconds for millions of visits. Those of the usual periods
are kept for each audience, see `rate_windows.py`, and are then as of the window's refresh. For who is in a team, and
reads the jobs of several users, they are counted when they are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import F, FloatField, QuerySet
from django.db.models.functions import Cast

from access import rights
from insights import reading
from insights.audience import audience_of
from insights.figures import FEWEST, Figure
from insights.models import RateWindow, VisitSummary
from insights.scope import Scope, as_of, zone
from insights.shrinkage import Beside, strength
from insights.statistics import share, wilson

# A strength is fitted to about so many stores, of which a fixed part is taken where there are more.
FITTED_STORES = 4_000
# The most stores that one answer judges.
MOST_JUDGED = 5_000
# In what is known of one store.
NUMBERS = 8

# What is said of one store.
COLUMNS = "store_id, images, failed, worth, worth_failed, others, usual, usual_variance"
# Once through the visits. `pair` is what one store sent from one host; `host` adds them up, with the design effect of
# its visits: their variance about the rate of their store, over that of images that fail independently, and at least
# 1. `store` sets each against the other images at its hosts; where these are fewer than FEWEST, nothing can be said.
# Halves of an image keep a host's rate from being 0.
RATES = f"""
    WITH pair AS MATERIALIZED (
        SELECT store_id, host, count(*) AS visits, sum(tried) AS images, sum(failed) AS failed,
            sum(failed * failed) AS squares, sum(failed * tried) AS products, sum(tried * tried) AS image_squares
        FROM ({{visits}}) visit (store_id, host, tried, failed) GROUP BY 1, 2
    ), host AS (
        SELECT host, sum(images) AS images, sum(failed) AS failed, greatest(1, coalesce(
            sum((squares - 2 * rate * products + rate * rate * image_squares) * visits / (visits - 1))
                FILTER (WHERE visits > 1)
            / nullif(sum(failed * (1 - rate) * images / (images - 1)) FILTER (WHERE visits > 1), 0), 1
        )) AS effect
        FROM (SELECT *, failed / images AS rate FROM pair) rated GROUP BY 1
    ), beside AS (
        SELECT pair.store_id, pair.images, pair.failed, host.effect, host.images - pair.images AS others,
            (host.failed - pair.failed + 0.5) / (host.images - pair.images + 1) AS usual
        FROM pair JOIN host USING (host)
    ), store AS (
        SELECT store_id, sum(images) AS images, sum(failed) AS failed, sum(images / effect) AS worth,
            sum(failed / effect) AS worth_failed, sum(others) AS others, sum(images * usual) / sum(images) AS usual,
            sum(images ^ 2 * usual * effect / (others + 1)) / sum(images) ^ 2 AS usual_variance
        FROM beside WHERE others >= {FEWEST} GROUP BY 1
    )
"""  # noqa: S608 - this module's own numbers
_KEPT = f"WITH store AS (SELECT {COLUMNS} FROM insights_keptrate WHERE window_id = %s)"  # noqa: S608 - constants
_CHOSEN = f"""
    , chosen AS (
        SELECT {COLUMNS}, {{inside}} AS inside, mod(
            hashtext(store_id) & 2147483647, ceil((SELECT count(*) FROM store) / {FITTED_STORES}.0)::int
        ) = 0 AS fitted
        FROM store
    )
    (SELECT * FROM chosen WHERE fitted AND images >= {FEWEST} ORDER BY store_id LIMIT {4 * FITTED_STORES})
    UNION ALL
    (SELECT * FROM chosen WHERE inside AND NOT (fitted AND images >= {FEWEST}) AND {{wanted}}
    ORDER BY {{order}} DESC, store_id LIMIT {MOST_JUDGED})
"""  # noqa: S608 - this module's own numbers
_NONE: tuple[Any, ...] = ()
_ENOUGH = f"images >= {FEWEST}"


@dataclass(frozen=True, slots=True)
class StoreRate:
    """One store's images that can be set against others, and the `others` at the same hosts.

    `worth` and `worth_failed` are `images` and `failed` divided by the design effect of visits; `usual` is the other
    images' rate of failures, and `usual_worth` how many independent images it is of.
    """

    store_id: str
    images: int
    failed: int
    worth: float
    worth_failed: float
    others: int
    usual: float
    usual_worth: float

    @property
    def beside(self) -> Beside:
        return Beside(self.worth_failed, self.worth, self.usual, self.usual_worth)

    @property
    def rate(self) -> Figure:
        return share(self.failed, self.images, self.worth)

    @property
    def usual_rate(self) -> Figure:
        return Figure(self.usual, *wilson(self.usual, self.usual_worth), self.others)


@dataclass(frozen=True, slots=True)
class StoreRates:
    """`stores` of the scope by their ids, among them the most of those asked for, and the `fitted` of all areas.

    `strength` is fitted to the latter, and None where there are none.
    """

    stores: dict[str, StoreRate]
    fitted: list[StoreRate]
    strength: float | None


def suspects(scope: Scope, times: float) -> StoreRates:
    """The stores that failed more than `times` as often as the others at their hosts; of others nothing need be asked.

    What narrows the scope selects stores alone: their hosts' rates and the strength are the same whatever is selected,
    and are of all visits that the user may see.
    """
    lost = f"failed - {float(times)} * images * usual"
    return _read(scope, f"{_ENOUGH} AND {lost} > 0", lost)


def riskiest(scope: Scope, strength: float) -> StoreRates:
    """The stores with the highest rates once these are drawn to their hosts', see `shrinkage.shrunk`."""
    m = float(strength)
    return _read(scope, _ENOUGH, f"({m} * usual + worth_failed) / ({m} + worth)")


def rates_of(scope: Scope, store_ids: Sequence[str]) -> StoreRates:
    """Just these stores, at most MOST_JUDGED, of however many images."""
    return _read(scope, "store_id = ANY(%s)", "images", list(store_ids))


def _read(scope: Scope, wanted: str, order: str, *parameters: Any) -> StoreRates:
    window = _window(scope)
    stores, of_stores = (_KEPT, [window.pk]) if window else statement(scope)
    inside, of_inside = ("TRUE", _NONE) if scope.is_of_all_stores else _inside(scope)
    rows = reading.rows(
        stores + _CHOSEN.format(inside=inside, wanted=wanted, order=order), [*of_stores, *of_inside, *parameters]
    )
    found = [(_store_rate(*numbers), is_inside, is_fitted) for *numbers, is_inside, is_fitted in rows]
    fitted = [rate for rate, _, is_fitted in found if is_fitted and rate.images >= FEWEST]
    return StoreRates(
        {rate.store_id: rate for rate, is_inside, _ in found if is_inside},
        fitted,
        strength([rate.beside for rate in fitted]) if fitted else None,
    )


def rates_as_of(scope: Scope) -> datetime | None:
    """Until when finished images are in the rates of its stores."""
    window = _window(scope)
    return window.as_of if window else as_of()


def statement(scope: Scope) -> tuple[str, list[Any]]:
    """The beginning of a statement that reads `store`, and its parameters."""
    visits, parameters = _tried(scope).query.sql_with_params()
    return RATES.format(visits=visits), list(parameters)


def _window(scope: Scope) -> RateWindow | None:
    owners = rights.readable_owners(scope.user)
    if owners is not None and len(owners) > 1:
        # Kept of one owner's jobs, and of all.
        return None
    audience = audience_of(scope.user)
    windows = RateWindow.objects.filter(of_all=audience.of_all, owner_id=audience.owner_id, zone=zone().key)
    return windows.filter(since=scope.since, until=scope.until).first()


def _tried(scope: Scope) -> QuerySet[VisitSummary, tuple[str, str, float, float]]:
    """Store, host, and images of each visit that were tried and that failed, as floats: their squares are large."""
    visits = scope.of_all_stores.visits()
    return (
        visits.alias(finished=F("completed") + F("failed"))
        .filter(finished__gt=0)
        .annotate(tried=Cast(F("finished"), FloatField()), failures=Cast("failed", FloatField()))
        .values_list("store_id", "host", "tried", "failures")
    )


def _inside(scope: Scope) -> tuple[str, tuple[Any, ...]]:
    try:
        stores, parameters = scope.stores().values("store_id").query.sql_with_params()
    except EmptyResultSet:
        return "FALSE", ()
    return f"store_id IN ({stores})", parameters


def _store_rate(
    store_id: str, images: float, failed: float, worth: float, worth_failed: float, others: float, usual: float,
    variance: float,
) -> StoreRate:  # fmt: skip
    # Of a rate whose variance is as if it were of so many images that fail independently and seldom.
    return StoreRate(
        store_id, round(images), round(failed), worth, worth_failed, round(others), usual, usual / variance
    )
