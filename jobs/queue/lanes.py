"""Which of the ready images begin, and where the others wait for their host.

A ready image whose host has no room leaves the common line, so that it is in nobody's way, and waits in a lane: that
of its host, or that of its job where the host has not answered yet. A lane keeps the order of ranks. `HostLimits`
decides; here is what it takes to ask it in a bounded number of statements, whatever waits.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import NamedTuple

from jobs.imaging.guard import host_of
from jobs.imaging.host_limits import HostLimits, Verdict
from jobs.imaging.outcome import Claim
from jobs.queue.settling import execute

# Lanes that one claim looks into, and those that are asked whether their hosts have room.
MOST_LANES, MOST_ASKED = 16, 256
# Lanes that are looked for at a time, and those that a process keeps in mind.
LANES_AT_A_TIME, MOST_KNOWN = 256, 4_096
# Hosts that one claim probes.
MOST_PROBES = 16
# Beyond twice what it has room for, a claim walks past so many ready images that cannot begin.
MORE_WALKED = 256

_COLUMNS = """id, job_id, claim_no, attempts, url, crashes, rank, waits_for,
    coalesce(extract(epoch FROM statement_timestamp() - waits_since), 0)::float8"""
# The next in rank, locked; what others are claiming at this moment is passed over.
_READY = f"""
    SELECT {_COLUMNS} FROM jobs_imageresult
    WHERE state = 'pending' AND run_after IS NULL AND NOT held AND waits_for = '' AND (rank, id) > (%s, %s)
    ORDER BY rank, id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608 - constants
_FROM_LANES = """
    SELECT first.* FROM unnest(%s::text[], %s::int[]) AS lane (name, room), LATERAL (
        SELECT {columns} FROM jobs_imageresult
        WHERE state = 'pending' AND NOT held AND waits_for <> '' AND waits_for = lane.name AND id <> ALL(%s)
        ORDER BY {order} LIMIT lane.room FOR NO KEY UPDATE SKIP LOCKED
    ) first
"""
_FIRST_OF_LANES = _FROM_LANES.format(columns=_COLUMNS, order="rank, id")
_LAST_OF_LANES = _FROM_LANES.format(columns=_COLUMNS, order="rank DESC, id DESC")
_DEFER = """
    UPDATE jobs_imageresult image SET waits_for = lane.name
    FROM unnest(%s::bigint[], %s::text[]) AS lane (id, name) WHERE image.id = lane.id
"""
# The names of lanes, one step in the index for each.
_NAMES = """
    WITH RECURSIVE lane (name) AS (
        (SELECT waits_for FROM jobs_imageresult
            WHERE state = 'pending' AND NOT held AND waits_for <> '' AND waits_for > %s
            ORDER BY waits_for LIMIT 1)
        UNION ALL
        SELECT (SELECT waits_for FROM jobs_imageresult
            WHERE state = 'pending' AND NOT held AND waits_for <> '' AND waits_for > lane.name
            ORDER BY waits_for LIMIT 1)
        FROM lane WHERE lane.name IS NOT NULL
    ) SELECT name FROM lane WHERE name IS NOT NULL LIMIT %s
"""


class ReadyRow(NamedTuple):
    """A locked row of a ready image; `waited` are the seconds since its host first refused it at no cost."""

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


def look_into(rooms: dict[str, int], without: Sequence[int] = ()) -> list[ReadyRow]:
    """The first images of some lanes, locked: of each as many as it has room for, but `without` those of these ids."""
    return _look_into(_FIRST_OF_LANES, rooms, without)


def _look_into(sql: str, rooms: dict[str, int], without: Sequence[int] = ()) -> list[ReadyRow]:
    if not rooms:
        return []
    return [ReadyRow(*row) for row in execute(sql, [list(rooms), list(rooms.values()), list(without)])]


# "https://", a host name of 253 characters and a port.
MOST_ORIGIN = 300


@lru_cache(maxsize=4_096)
def _host(origin: str) -> str:
    return host_of(origin)


def host_of_url(url: str) -> str:
    """The host that a URL leads to as "name:port"; empty where it leads to none. Quick for hosts met before."""
    end = url.find("/", 8)
    origin = url if end < 0 else url[:end]
    return _host(origin) if len(origin) <= MOST_ORIGIN else ""


class Lanes:
    """What a process knows of hosts: their limits, and which lanes hold images. For one claimer at a time."""

    def __init__(self, limits: HostLimits) -> None:
        self.limits = limits
        # In the order in which they were last looked into.
        self._names: dict[str, None] = {}
        limits.waiting = self._names
        self._after = ""
        self._is_odd = False
        self.are_limited = False
        """Whether the last claim met images that could not begin."""
        self.has_more = False
        """Whether the last claim has put so many out of the way that it did not get to the others."""

    @property
    def hold_any(self) -> bool:
        """Whether images wait that an answer of their host may let begin."""
        return self.are_limited or bool(self._names)

    def add(self, names: Iterable[str]) -> None:
        for name in names:
            self._names.setdefault(name)
        while len(self._names) > MOST_KNOWN:
            self.discard(next(iter(self._names)))

    def discard(self, name: str) -> None:
        """Nothing waits there; should somebody else have put an image there meanwhile, `look_around` finds it."""
        self._names.pop(name, None)

    def look_around(self) -> None:
        """Learn which lanes hold images, LANES_AT_A_TIME of them, in turn: another process may have filled them."""
        names = [name for (name,) in execute(_NAMES, [self._after, LANES_AT_A_TIME])]
        self._after = names[-1] if len(names) == LANES_AT_A_TIME else ""
        self.add(names)

    def part(self, room: int) -> int:
        """What the lanes may take before the common line is looked at: half, an odd one every other time."""
        self._is_odd = not self._is_odd
        return (room + self._is_odd) // 2

    def with_room(self, most: int, *, leftover: bool) -> dict[str, int]:
        """Lanes of which images could begin now, `most` at the most, and how many of each."""
        found: dict[str, int] = {}
        for name in list(self._names)[:MOST_ASKED]:
            if name.startswith("*"):
                room = 0 if leftover else self.limits.room_for_strangers(int(name[1:]))
            else:
                room = self.limits.room(name, leftover=leftover)
            # Those looked into come last the next time, and so do those without room.
            self._names[name] = self._names.pop(name)
            if room > 0:
                found[name] = min(room, most)
                if len(found) == MOST_LANES:
                    break
        return found


@dataclass(slots=True)
class _Aside:
    row: ReadyRow
    host: str
    verdict: Verdict


class Choice:
    """One claim's choice: at most `room` images that begin. Call `make` in a transaction, once.

    `fit` says how many of the rows at hand may be taken beside those that were, by their crashes.
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
        self._from_lanes(self._lanes.part(self._left))
        self._from_the_line()
        self._from_lanes(self._left)
        self._from_lanes(self._left, leftover=True)
        for each in sorted(self._aside, key=lambda each: self._limits.load(each.host)):
            if each.verdict is Verdict.HOST_BUSY and self._begins_at_last(each):
                continue
            if self._limits.is_stuck(each.host, each.verdict):
                self._defer(each.row, each.host, each.verdict)
        self._lanes.are_limited = bool(self._aside)
        # Whatever lies behind those that had to get out of the way has not been seen yet.
        self._lanes.has_more = bool(self.deferred) and not self._line_has_ended and self._left > 0
        if self.deferred:
            execute(_DEFER, [list(self.deferred), list(self.deferred.values())])
            self._lanes.add(dict.fromkeys(self.deferred.values()))

    def probe(self, hosts: Sequence[str]) -> list[str]:
        """Let one image of each paused host begin; returns the hosts for which none waits."""
        last = {host: 1 for host in hosts if self._limits.probes_last(host)}
        rows = look_into({host: 1 for host in hosts if host not in last}) + _look_into(_LAST_OF_LANES, last)
        for row in self._fitting(rows):
            if self._left:
                self._limits.begin_probe(row.waits_for, row.id, row.job_id)
                self.begun.append((row, row.waits_for))
        return [host for host in hosts if host not in {row.waits_for for row in rows}]

    def _from_lanes(self, most: int, *, leftover: bool = False) -> None:
        if most < 1:
            return
        end = len(self.begun) + most
        rooms = self._lanes.with_room(most, leftover=leftover)
        if not rooms:
            return
        rows = look_into(rooms, without=[row.id for row, _ in self.begun])
        for name, room in rooms.items():
            if sum(row.waits_for == name for row in rows) < room:
                self._lanes.discard(name)
        for row in self._fitting(self._fairly(rows)):
            if len(self.begun) == end:
                # Not all of them began, so it is known where some still wait.
                self._lanes.add([row.waits_for])
                continue
            host = host_of_url(row.url)
            verdict = self._offer(row, host, leftover=leftover)
            if verdict is not Verdict.BEGINS:
                self._lanes.add([row.waits_for])
            # A stranger's host that has all it may have is no stranger here: its image waits for it.
            if verdict is Verdict.HOST_BUSY and row.waits_for != host:
                self._defer(row, host, verdict)

    def _fairly(self, rows: Sequence[ReadyRow]) -> list[ReadyRow]:
        """The rows in the order in which to begin: each host's by rank, and the hosts by what they have of their share."""
        turns: Counter[str] = Counter()
        order = []
        for row in sorted(rows, key=lambda row: (row.rank, row.id)):
            host = host_of_url(row.url)
            order.append((self._limits.load(host, turns[host]), row.rank, row.id, row))
            turns[host] += 1
        return [row for *_, row in sorted(order)]

    def _from_the_line(self) -> None:
        """Walk along the ready images in rank order until the room is filled, but not for ever."""
        after: tuple[float, int] = (-inf, 0)
        # As many as there is room for, and only where not all of them could begin, some more.
        for wanted in (self._left, self._room + MORE_WALKED):
            if not self._left:
                return
            rows = [ReadyRow(*row) for row in execute(_READY, [*after, wanted])]
            for row in self._fitting(rows):
                if not self._left:
                    return
                self._meet(row)
            if len(rows) < wanted:
                self._line_has_ended = True
                return
            after = rows[-1].rank, rows[-1].id

    def _meet(self, row: ReadyRow) -> None:
        """Let an image of the common line begin, or set it aside."""
        host = host_of_url(row.url)
        verdict = self._offer(row, host)
        if verdict is not Verdict.BEGINS:
            self._aside.append(_Aside(row, host, verdict))

    def _fitting(self, rows: Sequence[ReadyRow]) -> Iterator[ReadyRow]:
        """Those of the rows, from the first on, that may join what is in flight; behind another one, nothing may."""
        crashes = [row.crashes for row, _ in self.begun] + [row.crashes for row in rows]
        fitting = max(0, self._fit(crashes) - len(self.begun))
        yield from rows[:fitting]
        if fitting < len(rows):
            self._is_full = True

    def _begins_at_last(self, aside: _Aside) -> bool:
        """Let an image begin beyond its host's share, where there is room that nobody else can use."""
        return self._left > 0 and self._offer(aside.row, aside.host, leftover=True) is Verdict.BEGINS

    def _offer(self, row: ReadyRow, host: str, *, leftover: bool = False) -> Verdict:
        verdict = self._limits.begin(host, row.id, row.job_id, leftover=leftover)
        if verdict is Verdict.BEGINS:
            self.begun.append((row, host))
        return verdict

    def _defer(self, row: ReadyRow, host: str, verdict: Verdict) -> None:
        self.deferred[row.id] = host if verdict is Verdict.HOST_BUSY else f"*{row.job_id}"
