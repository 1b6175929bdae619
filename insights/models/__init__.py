"""What is kept for the insights."""

from insights.models.alert import Alert, AlertQuerySet, RuleCheck
from insights.models.day_sum import SHORTEST_TURNAROUND, TURNAROUND_RATIO, DaySum, KeptDay, Kind
from insights.models.forecast import Forecast, ForecastRange
from insights.models.host_hour import BUCKET_RATIO, BUCKETS, HostHour
from insights.models.refreshed import Refreshed
from insights.models.report import Dimension, Measure, Period, Report
from insights.models.store_rate import KeptRate, RateWindow
from insights.models.visit_summary import VisitSummary, VisitSummaryQuerySet

__all__ = [
    "BUCKETS",
    "BUCKET_RATIO",
    "SHORTEST_TURNAROUND",
    "TURNAROUND_RATIO",
    "Alert",
    "AlertQuerySet",
    "DaySum",
    "Dimension",
    "Forecast",
    "ForecastRange",
    "HostHour",
    "KeptDay",
    "KeptRate",
    "Kind",
    "Measure",
    "Period",
    "RateWindow",
    "Refreshed",
    "Report",
    "RuleCheck",
    "VisitSummary",
    "VisitSummaryQuerySet",
]
