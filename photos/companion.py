"""The thread of an engine that keeps the findings about photos up to date."""

from itertools import chain
from time import monotonic

from django.db import connections

from jobs.engine.companion import Companion
from photos import findings, not_kept

# Between two looks on average, and before the first one.
LOOK_SECONDS = 60.0
# After each slice, so many times as long as it took, as the refresher of the insights.
REST = 4


class Finder(Companion):
    """Two that look at once take turns, and neither works out what the other has."""

    name = "photos"
    on_error = "looking for findings again"

    @property
    def seconds(self) -> float:
        return LOOK_SECONDS

    def look(self) -> None:
        begun = monotonic()
        for _ in chain(findings.slices(), findings.again(), not_kept.slices()):
            took = monotonic() - begun
            # Others may need it meanwhile.
            connections.close_all()
            if self._leaving.wait(REST * took):
                return
            begun = monotonic()
