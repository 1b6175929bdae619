"""What is kept for the insights."""

from insights.models.forecast import Forecast, ForecastRange
from insights.models.host_hour import BUCKET_RATIO, BUCKETS, HostHour
from insights.models.refreshed import Refreshed
from insights.models.visit_summary import VisitSummary, VisitSummaryQuerySet

__all__ = [
    "BUCKETS",
    "BUCKET_RATIO",
    "Forecast",
    "ForecastRange",
    "HostHour",
    "Refreshed",
    "VisitSummary",
    "VisitSummaryQuerySet",
]
