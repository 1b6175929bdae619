"""Ready images as rows, locked: where a claim looks for them, each place with one statement."""

import re
from collections.abc import Sequence
from functools import lru_cache
from math import inf
from typing import Any, NamedTuple

from django.db.models import FloatField, IntegerField, QuerySet, Subquery

from jobs.imaging.guard import host_of
from jobs.imaging.types import Claim
from jobs.models import ImageResult
from jobs.models.compiled import ANY_NUMBER, Select, SelectForEach, SelectValues
from jobs.models.expressions import Given
from jobs.models.image_result import ImageResultQuerySet
from jobs.models.index_order import index_order

BEGINNING = -inf, 0
# Scheme and authority (RFC 3986, section 3.2): what decides on the host.
_ORIGIN = re.compile(r"[^/?#]*//[^/?#]*")
# The length of a long origin that is remembered: "https://", a host name of 253 characters and a port.
MOST_ORIGIN = 300
_remembered_host = lru_cache(maxsize=4_096)(host_of)


def count_claimable(most: int) -> int:
    """How many images are ready, those that wait for their host included; of either kind, `most` are counted."""
    ready = ImageResult.objects.ready().order_by("rank", "id")
    deferred = ImageResult.objects.deferred().order_by("waits_for", "rank", "id")
    with index_order():
        return ready[:most].count() + deferred[:most].count()


class ReadyRow(NamedTuple):
    """A locked row of a ready image, see `ImageResultQuerySet.with_waited` for `waited`."""

    id: int
    job_id: int
    claim_no: int
    attempts: int
    url: str
    crashes: int
    rank: float
    waits_for: str
    waited: float
    min_width: int | None
    min_height: int | None

    def claim(self, host: str) -> Claim:
        """What becomes of the row once it is claimed; `host` is that of its URL."""
        return Claim(
            self.id,
            self.job_id,
            claim_no=self.claim_no + 1,
            attempt=self.attempts + 1,
            url=self.url,
            crashes=self.crashes,
            host=host,
            waited=self.waited,
            min_width=self.min_width or 0,
            min_height=self.min_height or 0,
        )


class Look(NamedTuple):
    """A look into a lane: at most `room` images behind a place in it."""

    lane: str
    room: int
    after: tuple[float, int] = BEGINNING


def _rows(images: ImageResultQuerySet) -> QuerySet[Any, Any]:
    """What `ReadyRow` holds of them."""
    return images.with_waited().values_list(*ReadyRow._fields)


next_in_line = Select(
    lambda: _rows(ImageResult.objects.ready().behind(Given("rank"), Given("id")).first_in_rank(ANY_NUMBER))
)
first_in_lanes = SelectForEach(
    lambda look: _rows(
        ImageResult.objects.in_lane(look["lane"])
        .behind(look["rank"], look["id"])
        .exclude(id__any=Given("without"))
        .first_in_rank(ANY_NUMBER)
    ),
    lane=ImageResult._meta.get_field("waits_for"),
    rank=ImageResult._meta.get_field("rank"),
    id=ImageResult._meta.get_field("id"),
    limit=IntegerField(),
)
# An image of the newest job that waits for a host.
newest_in_lane = Select(
    lambda: _rows(ImageResult.objects.in_lane(Given("lane")).order_by("-job_id", "-rank").skipping_locked()[:1])
)
names_of_lanes = SelectValues(ImageResult.objects.deferred, "waits_for")


def _anywhere_in_lane() -> QuerySet[Any, Any]:
    """The first image behind a place in a lane: `part` of the way, 0 to 1, from its lowest rank to its highest."""
    lane = ImageResult.objects.in_lane(Given("lane"))
    first, last = (Subquery(lane.order_by(order).values("rank")[:1]) for order in ("rank", "-rank"))
    return _rows(lane.filter(rank__gte=first + Given("part", FloatField()) * (last - first)).first_in_rank(1))


any_in_lane = Select(_anywhere_in_lane)
# Sorted, although any would do: else the planner may go through the whole table where it takes most images for these.
is_in_lane = Select(lambda: ImageResult.objects.in_lane(Given("lane")).order_by("rank").values_list("rank")[:1])


def host_of_url(url: str) -> str:
    """The host that a URL leads to as "name:port"; empty where the guard refuses it. Quick for hosts met before."""
    found = _ORIGIN.match(url)
    if found is None or len(found[0]) > MOST_ORIGIN:
        return host_of(url)
    return _remembered_host(found[0])


def look_into(looks: Sequence[Look], without: Sequence[int] = ()) -> list[ReadyRow]:
    """What looks into lanes find, locked, each image once; `without` those of these ids."""
    if not looks:
        return []
    rows = first_in_lanes(
        ({"lane": look.lane, "rank": look.after[0], "id": look.after[1], "limit": look.room} for look in looks),
        without=list(without),
    )
    return list({row[0]: ReadyRow(*row) for row in rows}.values())
