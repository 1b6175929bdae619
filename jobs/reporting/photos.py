"""How full the storage of photos is, and whether it could be written to lately."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from jobs.models import KeptBytes, KeptPhoto
from jobs.states import NotKept

RECENT_SECONDS = 900
# How many of the latest photos are looked at.
SAMPLE = 5_000


@dataclass(frozen=True, slots=True)
class Photos:
    """`bytes` of `room` are used; `away` of the latest SAMPLE photos of RECENT_SECONDS could not be stored."""

    bytes: int
    room: int
    away: int
    most: int = SAMPLE

    @property
    def is_full(self) -> bool:
        return self.bytes >= self.room


def photos() -> Photos | None:
    """None where none are kept, by the setting of this process."""
    if settings.KEEP_IMAGES == "off":
        return None
    recent = KeptPhoto.objects.filter(kept_at__gt=Now() - timedelta(seconds=RECENT_SECONDS)).order_by("-kept_at")
    latest = recent.values_list("why_not", flat=True)[:SAMPLE]
    return Photos(KeptBytes.objects.sum(), settings.KEEP_BYTES, sum(why == NotKept.AWAY for why in latest))
