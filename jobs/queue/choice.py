"""Which of the ready images begin: `HostLimits` decides, and is asked in a bounded number of statements."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from jobs.imaging.host_limits import Admission
from jobs.models import ImageResult
from jobs.models.update_from import UpdateFrom
from jobs.queue.lanes import Lanes
from jobs.queue.ready_rows import (
    BEGINNING,
    Look,
    ReadyRow,
    any_in_lane,
    host_of_url,
    is_in_lane,
    look_into,
    newest_in_lane,
    next_in_line,
)  # fmt: skip

# How many ready images that cannot begin a claim walks past, besides twice as many as it has room for.
MORE_WALKED = 256

_defer = UpdateFrom(ImageResult.objects.all, fields=["waits_for"])


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
                rows = [ReadyRow(*row) for row in any_in_lane(lane=host, part=part)]
            else:
                rows = [ReadyRow(*row) for row in newest_in_lane(lane=host)]
            for row in self._fitting(rows):
                if self._left:
                    self._limits.begin_probe(host, row.id, row.job_id)
                    self.begun.append((row, host))
            # Where it only was locked by somebody else at this moment, it is still there.
            if not rows and not is_in_lane(lane=host):
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
        # Images of the common line compete for what is left over, wherever those of other hosts wait.
        aside = {each.row.id: each for each in self._aside if leftover and each.admission is Admission.HOST_BUSY}
        rows += (each.row for each in aside.values())
        for row in self._fitting(self._fairly(rows, leftover=leftover)):
            host = host_of_url(row.url)
            if row.id in aside:
                if len(self.begun) < end:
                    aside[row.id].admission = self._offer(row, host, leftover=True)
            elif row.waits_for != host and not self._limits.is_stranger(host):
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

    def _fairly(self, rows: Sequence[ReadyRow], *, leftover: bool) -> list[ReadyRow]:
        """The rows in the order in which to begin: each host's by rank, the hosts by what they have of their share.

        What is left over goes to the host that it takes the least beyond its share: to one whose share is a single slot
        it is as much again, and a slow host would hold it for long.
        """
        taken = Counter({host_of_url(row.url): 1 for row in rows}) if leftover else Counter[str]()
        order = []
        for row in sorted(rows, key=lambda row: (row.rank, row.id)):
            host = host_of_url(row.url)
            order.append((self._limits.load(host, taken[host]), row.rank, row.id, row))
            taken[host] += 1
        return [row for *_, row in sorted(order)]

    def _from_the_line(self) -> None:
        """Walk along the ready images in rank order until the room is filled, but not for ever."""
        after: tuple[float, int] = BEGINNING
        self._lanes.line_goes_first = False
        # As many as there is room for, and only where not all of them could begin, some more.
        for wanted in (self._left, self._room + MORE_WALKED):
            if not self._left:
                return
            rows = [ReadyRow(*row) for row in next_in_line(rank=after[0], id=after[1], limit=wanted)]
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
        """Let images of the line begin where no other host can use the slots; defer those in the way."""
        for each in sorted(self._aside, key=lambda each: self._limits.load(each.host, 1)):
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
