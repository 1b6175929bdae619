"""What is kept for the insights."""

from insights.models.alert import Alert, AlertQuerySet, RuleCheck
from insights.models.forecast import Forecast, ForecastRange
from insights.models.host_hour import BUCKET_RATIO, BUCKETS, HostHour
from insights.models.kept_rows import KeptRows
from insights.models.refreshed import Refreshed
from insights.models.report import Dimension, Measure, Period, Report
from insights.models.visit_summary import VisitSummary, VisitSummaryQuerySet

__all__ = [
    "BUCKETS",
    "BUCKET_RATIO",
    "Alert",
    "AlertQuerySet",
    "Dimension",
    "Forecast",
    "ForecastRange",
    "HostHour",
    "KeptRows",
    "Measure",
    "Period",
    "Refreshed",
    "Report",
    "RuleCheck",
    "VisitSummary",
    "VisitSummaryQuerySet",
]
