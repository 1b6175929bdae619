"""Which of the ready images begin, and where the others wait for their host.

A ready image that cannot begin leaves the common line, so that it blocks no other, and waits in a lane: that of its
host, or that of its job where the host has not answered yet. A lane keeps the order of ranks. `HostLimits` decides;
this module asks it in a bounded number of statements, however much waits.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Any, NamedTuple

from django.db.models import FloatField, IntegerField, QuerySet, Subquery

from jobs.imaging.guard import host_of
from jobs.imaging.host_limits import Admission, HostLimits
from jobs.imaging.types import Claim
from jobs.models import ImageResult
from jobs.models.compiled import ANY_NUMBER, Select, SelectForEach, SelectValues
from jobs.models.expressions import Given
from jobs.models.image_result import ImageResultQuerySet
from jobs.models.update_from import UpdateFrom

# How many lanes a claim looks into, and how many it asks for room.
MOST_LANES, MOST_ASKED = 16, 256
# How many lanes are looked for at a time, and how many a process keeps in mind.
LANES_AT_A_TIME, MOST_KNOWN = 256, 4_096
# How many images of a job's lane are looked at besides those that there is room for: some of their hosts may have
# answered by now.
PEEK = 16
# How many ready images that cannot begin a claim walks past, besides twice as many as it has room for.
MORE_WALKED = 256

_BEGINNING = -inf, 0
# Scheme and authority (RFC 3986, section 3.2): what decides on the host.
_ORIGIN = re.compile(r"[^/?#]*//[^/?#]*")
# The length of a long origin that is remembered: "https://", a host name of 253 characters and a port.
MOST_ORIGIN = 300
_remembered_host = lru_cache(maxsize=4_096)(host_of)


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
        )


class Look(NamedTuple):
    """A look into a lane: at most `room` images behind a place in it."""

    lane: str
    room: int
    after: tuple[float, int] = _BEGINNING


def _rows(images: ImageResultQuerySet) -> QuerySet[Any, Any]:
    """What `ReadyRow` holds of them."""
    return images.with_waited().values_list(*ReadyRow._fields)


_next_in_line = Select(
    lambda: _rows(ImageResult.objects.ready().behind(Given("rank"), Given("id")).first_in_rank(ANY_NUMBER))
)
_first_in_lanes = SelectForEach(
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
_newest_in_lane = Select(
    lambda: _rows(ImageResult.objects.in_lane(Given("lane")).order_by("-job_id", "-rank").skipping_locked()[:1])
)
_names_of_lanes = SelectValues(ImageResult.objects.deferred, "waits_for")
_defer = UpdateFrom(ImageResult.objects.all, fields=["waits_for"])


def _anywhere_in_lane() -> QuerySet[Any, Any]:
    """The first image behind a place in a lane: `part` of the way, 0 to 1, from its lowest rank to its highest."""
    lane = ImageResult.objects.in_lane(Given("lane"))
    first, last = (Subquery(lane.order_by(order).values("rank")[:1]) for order in ("rank", "-rank"))
    return _rows(lane.filter(rank__gte=first + Given("part", FloatField()) * (last - first)).first_in_rank(1))


_any_in_lane = Select(_anywhere_in_lane)
# Sorted, although any would do: else the planner may go through the whole table where it takes most images for these.
_is_in_lane = Select(lambda: ImageResult.objects.in_lane(Given("lane")).order_by("rank").values_list("rank")[:1])


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
    rows = _first_in_lanes(
        ({"lane": look.lane, "rank": look.after[0], "id": look.after[1], "limit": look.room} for look in looks),
        without=list(without),
    )
    return list({row[0]: ReadyRow(*row) for row in rows}.values())


class Lanes:
    """What a process knows of hosts: their limits, and which lanes hold images. For one claimer at a time."""

    def __init__(self, limits: HostLimits) -> None:
        self.limits = limits
        # In the order in which they were last looked into.
        self._names: dict[str, None] = {}
        limits.waiting = self._names
        # How far the images of a job's lane have been looked at.
        self._peeked: dict[str, tuple[float, int]] = {}
        self._found_up_to = ""
        self._is_odd = False
        self.are_limited = False
        """Whether the last claim met images that could not begin."""
        self.has_more = False
        """Whether the last claim put so many out of the way that it did not get to the others."""
        self.line_goes_first = False
        """Whether the first image of the common line waits for fewer images to be in flight, see `quarantine.py`."""

    @property
    def hold_any(self) -> bool:
        """Whether images wait that an answer of their host may let begin."""
        return self.are_limited or bool(self._names)

    def add(self, names: Iterable[str]) -> None:
        for name in names:
            if len(self._names) >= MOST_KNOWN and name not in self._names:
                if self.limits.is_stranger(name):
                    continue
                self.discard(next(iter(self._names)))
            self._names.setdefault(name)

    def discard(self, name: str) -> None:
        """Forget a lane that seems empty; if another process has put an image there since, `look_around` finds it."""
        self._names.pop(name, None)
        self._peeked.pop(name, None)

    def look_around(self) -> None:
        """Learn which lanes hold images, LANES_AT_A_TIME of them, in turn: another process may have filled them."""
        names = _names_of_lanes(self._found_up_to, LANES_AT_A_TIME)
        self._found_up_to = names[-1] if len(names) == LANES_AT_A_TIME else ""
        self.add(names)

    def half(self, room: int) -> int:
        """Half of it, of an odd one the larger half every other time."""
        return (room + self._is_odd) // 2

    def looks(self, most: int, *, leftover: bool = False, in_half: bool = False) -> list[Look]:
        """Where images may be found that could begin now, some more than `most` in all.

        `leftover` as for `HostLimits.room`. With `in_half`, each host keeps half of its room for the common line.
        """
        found: list[Look] = []
        total = 0
        self._is_odd = not self._is_odd
        for name in list(self._names)[:MOST_ASKED]:
            # Those looked into come last the next time, and so do those without room.
            self._names[name] = self._names.pop(name)
            if name.startswith("*"):
                room = 0 if leftover else self.limits.room_for_strangers(int(name[1:]))
                found.append(Look(name, PEEK, self._peeked.get(name, _BEGINNING)))
            else:
                room = self.limits.room(name, leftover=leftover)
            if in_half:
                room = self.half(room)
            if room > 0:
                found.append(Look(name, min(room, most)))
                total += found[-1].room
            if len(found) >= MOST_LANES or total >= 2 * most:
                break
        return found

    def peeked(self, looks: Iterable[Look], rows: Sequence[ReadyRow]) -> None:
        """Remember how far a job's lane was looked at; from its end it goes on at its beginning."""
        for look in looks:
            if look.lane.startswith("*") and look.room == PEEK:
                seen = [(row.rank, row.id) for row in rows if row.waits_for == look.lane]
                seen = [place for place in seen if place > look.after]
                self._peeked[look.lane] = max(seen) if len(seen) >= PEEK else _BEGINNING


@dataclass(slots=True)
class _Aside:
    row: ReadyRow
    host: str
    admission: Admission


class Choice:
    """One claim's choice: at most `room` images that begin. Call `make` in a transaction, once.

    `fit` says how many of the rows found may join those in flight, by their crashes.
    """

    def __init__(self, room: int, lanes: Lanes, fit: Callable[[Sequence[int]], int]) -> None:
        self.begun: list[tuple[ReadyRow, str]] = []
        """With their hosts."""
        self.deferred: dict[int, str] = {}
        self._room = room
        self._lanes = lanes
        self._limits = lanes.limits
        self._fit = fit
        self._is_full = False
        self._line_has_ended = False
        self._aside: list[_Aside] = []

    @property
    def _left(self) -> int:
        return 0 if self._is_full else self._room - len(self.begun)

    def make(self) -> None:
        """Choose, and defer the others that were met. Whatever began must be claimed, or reported as released."""
        if not self._lanes.line_goes_first:
            self._from_lanes(self._lanes.half(self._left), in_half=True)
        self._from_the_line()
        self._from_lanes(self._left)
        self._from_lanes(self._left, leftover=True)
        self._put_aside()
        if self.deferred:
            _defer({"id": image_id, "waits_for": lane} for image_id, lane in self.deferred.items())
            self._lanes.add(dict.fromkeys(self.deferred.values()))
        self._lanes.are_limited = bool(self._aside)
        # Whatever lies behind those that had to get out of the way has not been seen yet.
        self._lanes.has_more = bool(self.deferred) and not self._line_has_ended and self._left > 0

    def probe(self, hosts: Sequence[str]) -> list[str]:
        """Let one image of each paused host begin; returns the hosts for which none waits.

        In rotation the first one that waits, one from anywhere among them, and one of the newest job: where some images
        are at fault themselves, these alone must not decide about their host forever.
        """
        empty = []
        for host in hosts:
            kind = self._limits.pause_number(host) % 3
            if kind == 1:
                rows = look_into([Look(host, 1)])
            elif kind == 2:
                part = random.random()  # noqa: S311 - chooses an image, protects nothing
                rows = [ReadyRow(*row) for row in _any_in_lane(lane=host, part=part)]
            else:
                rows = [ReadyRow(*row) for row in _newest_in_lane(lane=host)]
            for row in self._fitting(rows):
                if self._left:
                    self._limits.begin_probe(host, row.id, row.job_id)
                    self.begun.append((row, host))
            # Where it only was locked by somebody else at this moment, it is still there.
            if not rows and not _is_in_lane(lane=host):
                empty.append(host)
        return empty

    def _from_lanes(self, most: int, *, leftover: bool = False, in_half: bool = False) -> None:
        if most < 1:
            return
        looks = self._lanes.looks(most, leftover=leftover, in_half=in_half)
        if not looks:
            return
        end = len(self.begun) + most
        rows = look_into(looks, without=[row.id for row, _ in self.begun])
        self._lanes.peeked(looks, rows)
        left_in = {row.waits_for for row in rows}
        for row in self._fitting(self._fairly(rows)):
            host = host_of_url(row.url)
            if row.waits_for != host and not self._limits.is_stranger(host):
                # Its host has answered since, so that it has its place in the lane of its host.
                if len(self.begun) == end or self._offer(row, host, leftover=leftover) is not Admission.BEGINS:
                    self.deferred[row.id] = host
            elif len(self.begun) < end:
                admission = self._offer(row, host, leftover=leftover)
                if admission is Admission.HOST_BUSY and row.waits_for != host:
                    self.deferred[row.id] = host
        for look in looks:
            if look.lane not in left_in:
                self._lanes.discard(look.lane)

    def _fairly(self, rows: Sequence[ReadyRow]) -> list[ReadyRow]:
        """The rows in the order in which to begin: each host's by rank, the hosts by what they have of their share."""
        turns: Counter[str] = Counter()
        order = []
        for row in sorted(rows, key=lambda row: (row.rank, row.id)):
            host = host_of_url(row.url)
            order.append((self._limits.load(host, turns[host]), row.rank, row.id, row))
            turns[host] += 1
        return [row for *_, row in sorted(order)]

    def _from_the_line(self) -> None:
        """Walk along the ready images in rank order until the room is filled, but not for ever."""
        after: tuple[float, int] = _BEGINNING
        self._lanes.line_goes_first = False
        # As many as there is room for, and only where not all of them could begin, some more.
        for wanted in (self._left, self._room + MORE_WALKED):
            if not self._left:
                return
            rows = [ReadyRow(*row) for row in _next_in_line(rank=after[0], id=after[1], limit=wanted)]
            for row in self._fitting(rows):
                if not self._left:
                    return
                host = host_of_url(row.url)
                admission = self._offer(row, host)
                if admission is not Admission.BEGINS:
                    self._aside.append(_Aside(row, host, admission))
            self._lanes.line_goes_first = self._is_full
            if len(rows) < wanted:
                self._line_has_ended = True
                return
            if not any(self._limits.is_stuck(each.host, each.admission) for each in self._aside):
                # The next answer lets them begin: it is too soon to look past them.
                return
            after = rows[-1].rank, rows[-1].id

    def _put_aside(self) -> None:
        """Of the images met in the line, let begin what nobody else can use the room for; defer what is in the way."""
        for each in sorted(self._aside, key=lambda each: self._limits.load(each.host)):
            if each.admission is Admission.HOST_BUSY and self._left:
                each.admission = self._offer(each.row, each.host, leftover=True)
            if each.admission is Admission.BEGINS:
                continue
            if self._limits.is_stuck(each.host, each.admission):
                is_stranger = each.admission is Admission.STRANGERS_BUSY
                self.deferred[each.row.id] = f"*{each.row.job_id}" if is_stranger else each.host

    def _fitting(self, rows: Sequence[ReadyRow]) -> Iterator[ReadyRow]:
        """Those of the rows, from the first on, that may join what is in flight; behind another one, nothing may."""
        crashes = [row.crashes for row, _ in self.begun] + [row.crashes for row in rows]
        fitting = max(0, self._fit(crashes) - len(self.begun))
        yield from rows[:fitting]
        if fitting < len(rows):
            self._is_full = True

    def _offer(self, row: ReadyRow, host: str, *, leftover: bool = False) -> Admission:
        admission = self._limits.begin(host, row.id, row.job_id, leftover=leftover)
        if admission is Admission.BEGINS:
            self.begun.append((row, host))
        return admission
