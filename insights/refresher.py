"""The thread of an engine that keeps the summaries up to date, the categories of stores, and the forecasts."""

from itertools import chain
from time import monotonic

from django.db import connections

from insights import day_sums, forecasts, rate_windows, refresh
from jobs.engine.companion import Companion
from stores import categorising

# Between two refreshes on average, and before the first one.
REFRESH_SECONDS = 60.0
# After each slice, so many times as long as it took: a refresh has a fifth of one connection's time at most, so that
# claims and requests hardly notice it even where millions of images are summed for the first time.
REST = 4


class Refresher(Companion):
    """Two that refresh at once take turns, and neither sums what the other has summed, see `refresh.slices`."""

    name = "refresher"
    on_error = "refreshing again"

    @property
    def seconds(self) -> float:
        return REFRESH_SECONDS

    def look(self) -> None:
        begun = monotonic()
        for _ in chain(
            refresh.slices(), day_sums.slices(), rate_windows.slices(), categorising.slices(), forecasts.slices()
        ):
            took = monotonic() - begun
            # Others may need it meanwhile.
            connections.close_all()
            if self._leaving.wait(REST * took):
                return
            begun = monotonic()
