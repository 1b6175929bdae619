"""How many bytes of photos this process may keep until it looks again."""

from django.conf import settings

from jobs.engine.pace import Turn
from jobs.imaging.keep import Keeper
from jobs.models import KeptBytes

LOOK_SECONDS = 5.0


class PhotoRoom:
    """Tells the keeper. Between two looks, each process may add what all of them had room for."""

    def __init__(self, keeper: Keeper | None) -> None:
        self._keeper = keeper
        self._turn = Turn()

    def look_if_due(self) -> None:
        """At most one small query; nothing where photos are not kept."""
        if self._keeper is not None and self._turn.has_come:
            self._turn.comes_in(LOOK_SECONDS)
            self._keeper.room = settings.KEEP_BYTES - KeptBytes.objects.sum()
