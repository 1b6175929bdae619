"""The thread of an engine that tries the rules of the alerts."""

from django.utils import timezone

from insights import alerts
from jobs.engine.companion import Companion

# Between two looks whether it is time, on average, and before the first one.
LOOK_SECONDS = 300.0


class AlertChecker(Companion):
    """Two that check at once take turns where they write, and find each other's alerts there."""

    name = "alerts"
    on_error = "checking alerts again"

    @property
    def seconds(self) -> float:
        return LOOK_SECONDS

    def look(self) -> None:
        alerts.evaluate_if_due(timezone.now())
