"""Medians and 95 % quantiles of turnarounds, from buckets: exact ones would sort every visit.

A bucket is 15 % wide, and within it turnarounds are taken to be spread evenly on the logarithm: a quantile is at most
15 % off, and usually 1 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from insights.area_sums import By, read_joined
from insights.day_sums import TURNAROUND_BUCKET
from insights.figures import FEWEST, ONE_BLOCK, Figure
from insights.kept import kept
from insights.models import TURNAROUND_RATIO
from insights.periods import Parts
from insights.scope import Scope
from insights.statistics import Blocks, wilson, worth

MEDIAN, P95 = 0.5, 0.95

_COLUMNS = ("visited_at", "turnaround"), ("buckets", "bucket_visits")
_BUCKETS = f"""
    , bucketed AS MATERIALIZED (
        SELECT label, part, bucket, sum(visits)::float8 AS visits FROM (
            SELECT label, width_bucket(visited_at, %s::timestamptz[]) AS part, {TURNAROUND_BUCKET} AS bucket,
                count(*) AS visits
            FROM visit JOIN place USING (store_id) WHERE turnaround IS NOT NULL GROUP BY 1, 2, 3
            UNION ALL
            SELECT label, width_bucket(day, %s::date[]), each.bucket, each.visits
            FROM kept CROSS JOIN LATERAL unnest(buckets, bucket_visits) AS each (bucket, visits)
        ) found GROUP BY 1, 2, 3
    )
"""  # noqa: S608 - constants
# A row for each label and quantile: its buckets with how many visits each holds, and how many visits of each part are
# not above the bucket of the quantile, as the sums of `statistics.Blocks`.
_QUANTILES = """
    , whole AS MATERIALIZED (
        SELECT label, bucket, sum(visits) AS visits,
            sum(sum(visits)) OVER (PARTITION BY label ORDER BY bucket) AS upto,
            sum(sum(visits)) OVER (PARTITION BY label) AS total
        FROM bucketed GROUP BY label, bucket
    ), cut AS (
        SELECT label, quantile, min(bucket) FILTER (WHERE upto >= quantile * total) AS bucket
        FROM whole, unnest(%s::float8[]) AS quantile GROUP BY label, quantile
    ), below AS (
        SELECT label, quantile, part, sum(visits) AS size,
            coalesce(sum(visits) FILTER (WHERE bucketed.bucket <= cut.bucket), 0) AS total
        FROM bucketed JOIN cut USING (label) GROUP BY label, quantile, part
    ), block AS (
        SELECT label, quantile, count(*) AS blocks, sum(size) AS size, sum(total) AS total,
            sum(total * total) AS squares, sum(total * size) AS products, sum(size * size) AS size_squares
        FROM below GROUP BY label, quantile
    ), histogram AS (
        SELECT label, array_agg(bucket ORDER BY bucket) AS buckets, array_agg(visits ORDER BY bucket) AS visits
        FROM whole GROUP BY label
    )
    SELECT label, quantile, buckets, visits, blocks, size, total, squares, products, size_squares
    FROM histogram JOIN block USING (label)
"""
# A row for each label and part: its visits, the quantile's bucket, and how far into it the quantile is, 0 to 1.
_BY_PART = """
    , summed AS (
        SELECT label, part, bucket, visits, sum(visits) OVER (PARTITION BY label, part ORDER BY bucket) AS upto,
            sum(visits) OVER (PARTITION BY label, part) AS total
        FROM bucketed
    )
    SELECT DISTINCT ON (label, part) label, part, total, bucket + 1 - (upto - %s * total) / visits
    FROM summed WHERE upto >= %s * total ORDER BY label, part, bucket
"""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of one area's turnarounds, in seconds."""

    median: Figure
    p95: Figure


def quantiles(scope: Scope, parts: Parts, by: By = By.AREA) -> dict[str, Quantiles]:
    """By label, with intervals after Woodruff; labels without a turnaround are left out."""
    return kept(
        ("quantiles", tuple(parts.starts), by),
        scope, parts.mark, lambda: _quantiles(scope, parts, by), lambda found: 4 * len(found),
    )  # fmt: skip


def _quantiles(scope: Scope, parts: Parts, by: By) -> dict[str, Quantiles]:
    parameters = [list(parts.starts), parts.days_begin, [MEDIAN, P95]]
    rows = read_joined(scope, by, None, *_COLUMNS, _BUCKETS + _QUANTILES, parameters)
    found: dict[str, dict[float, Figure]] = {}
    for label, quantile, buckets, held, blocks, *numbers in rows:
        found.setdefault(label, {})[quantile] = _figure(quantile, buckets, held, Blocks(blocks, *numbers))
    return {label: Quantiles(each[MEDIAN], each[P95]) for label, each in found.items()}


def by_part(
    scope: Scope, parts: Parts, by: By, labels: Sequence[str] | None, quantile: float = MEDIAN
) -> dict[str, list[tuple[int, float | None]]]:
    """By label: (visits, quantile in seconds) of each part; None where there are none."""
    return kept(
        ("by part", tuple(parts.starts), by, None if labels is None else tuple(labels), quantile),
        scope, parts.mark, lambda: _by_part(scope, parts, by, labels, quantile),
        lambda found: len(found) * len(parts.starts),
    )  # fmt: skip


def _by_part(
    scope: Scope, parts: Parts, by: By, labels: Sequence[str] | None, quantile: float
) -> dict[str, list[tuple[int, float | None]]]:
    parameters = [list(parts.starts), parts.days_begin, quantile, quantile]
    found: dict[str, list[tuple[int, float | None]]] = {}
    for label, part, visits, place in read_joined(scope, by, labels, *_COLUMNS, _BUCKETS + _BY_PART, parameters):
        found.setdefault(label, [(0, None)] * len(parts.starts))[part - 1] = (round(visits), TURNAROUND_RATIO**place)
    return found


def _figure(quantile: float, buckets: Sequence[int], visits: Sequence[float], below: Blocks) -> Figure:
    """The quantile and its interval: that of the share of visits below it, read back as turnarounds.

    Woodruff, Journal of the American Statistical Association 47 (1952). The share's interval is Wilson's, with n
    divided by the design effect of blocks, moved to be around the quantile.
    """
    n = round(below.size)
    if n < FEWEST:
        return Figure.unknown(n)
    if below.blocks < 2:
        return Figure.unknown(n, ONE_BLOCK)
    low, high = wilson(quantile, worth(below))
    value, low, high = (_value_at(share * below.size, buckets, visits) for share in (quantile, low, high))
    return Figure(value, low, high, n)


def _value_at(number: float, buckets: Sequence[int], visits: Sequence[float]) -> float:
    """Below which turnaround `number` of the visits are."""
    upto = 0.0
    for bucket, held in zip(buckets, visits, strict=True):
        if upto + held >= number:
            return float(TURNAROUND_RATIO ** (bucket + (number - upto) / held))
        upto += held
    return float(TURNAROUND_RATIO ** (buckets[-1] + 1))
