"""The lanes in which ready images wait for their host.

A ready image that cannot begin leaves the common line, so that it blocks no other, and waits in a lane: that of its
host, or that of its job where the host has not answered yet. A lane keeps the order of ranks.
"""

from collections.abc import Iterable, Sequence

from jobs.imaging.host_limits import HostLimits
from jobs.models.index_order import index_order
from jobs.queue.ready_rows import BEGINNING, Look, ReadyRow, names_of_lanes

# How many lanes a claim looks into, and how many it asks for room.
MOST_LANES, MOST_ASKED = 16, 256
# How many lanes are looked for at a time, and how many a process keeps in mind.
LANES_AT_A_TIME, MOST_KNOWN = 256, 4_096
# How many images of a job's lane are looked at besides those that there is room for: some of their hosts may have
# answered by now.
PEEK = 16


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
        with index_order():
            names = names_of_lanes(self._found_up_to, LANES_AT_A_TIME)
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
                found.append(Look(name, PEEK, self._peeked.get(name, BEGINNING)))
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
                self._peeked[look.lane] = max(seen) if len(seen) >= PEEK else BEGINNING
