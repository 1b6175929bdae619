"""The thread of an engine that keeps the summaries up to date, the categories of stores, and the forecasts."""

from itertools import chain

from insights import day_sums, forecasts, rate_windows, refresh
from jobs.engine.companion import Companion
from stores import categorising

# Between two refreshes on average, and before the first one.
REFRESH_SECONDS = 60.0


class Refresher(Companion):
    """Two that refresh at once take turns, and neither sums what the other has summed, see `refresh.slices`."""

    name = "refresher"
    on_error = "refreshing again"

    @property
    def seconds(self) -> float:
        return REFRESH_SECONDS

    def look(self) -> None:
        self.rest_between(
            chain(refresh.slices(), day_sums.slices(), rate_windows.slices(), categorising.slices(), forecasts.slices())
        )
