"""The thread of an engine that keeps the findings about photos up to date."""

from itertools import chain

from jobs.engine.companion import Companion
from photos import findings, not_kept

# Between two looks on average, and before the first one.
LOOK_SECONDS = 60.0


class Finder(Companion):
    """Two that look at once take turns, and neither works out what the other has."""

    name = "photos"
    on_error = "looking for findings again"

    @property
    def seconds(self) -> float:
        return LOOK_SECONDS

    def look(self) -> None:
        self.rest_between(chain(findings.slices(), findings.again(), not_kept.slices()))
