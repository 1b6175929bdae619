"""A short tour through all stops: nearest neighbour, then 2-opt and Or-opt, then double-bridge kicks.

After every kick the two searches run again around it, and a tour that came out longer is taken back (iterated local
search; Johnson and McGeoch, "The Traveling Salesman Problem: A Case Study in Local Optimization", 1997).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from time import thread_time

KICKS = 1500
# Of processor time. On an ordinary machine the kicks are over before; they alone decide then, so that the same stops
# give the same tour.
SECONDS = 0.4
# Each stop is tried beside so many of its nearest ones.
NEIGHBOURS = 10
LONGEST_SEGMENT = 3
# Stops between the cuts of a kick: one that tears the whole tour apart would rarely be mended.
KICK_SPAN = 30
_LEAST_GAIN = 1e-9

type Matrix = Sequence[Sequence[float]]


def shortest_tour(distances: Matrix, *, seed: int = 0, kicks: int = KICKS, seconds: float = SECONDS) -> list[int]:
    """The order in which a tour visits all rows of `distances`, which is symmetric, and comes back to the first of it.

    Within 1 % of the optimum up to 105 stops, see docs/insights.md; the same for the same arguments unless `seconds` of
    processor time are over before the `kicks`.
    """
    number = len(distances)
    if number <= 3:
        return list(range(number))
    until = thread_time() + seconds
    tour = _Tour(distances, _nearest_neighbour(distances))
    tour.improve(range(number), until)
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    # With four stops there is nothing that 2-opt does not reach.
    for _ in range(kicks if number > 4 else 0):
        if thread_time() > until:
            break
        before, places = tour.stops[:], tour.place[:]
        gain = tour.kick(chance)
        gain += tour.improve(tour.touched, until)
        if gain < 0:
            tour.stops, tour.place = before, places
    return tour.stops


def _nearest_neighbour(distances: Matrix) -> list[int]:
    rest = set(range(1, len(distances)))
    tour = [0]
    while rest:
        row = distances[tour[-1]]
        following = min(rest, key=lambda stop: (row[stop], stop))
        rest.remove(following)
        tour.append(following)
    return tour


class _Tour:
    """`stops` in their order, and the `place` of each in it."""

    def __init__(self, distances: Matrix, stops: list[int]) -> None:
        self.distances = distances
        self.stops = stops
        self.place = [0] * len(stops)
        self._number_from(0)
        self.near = [
            sorted((other for other in range(len(stops)) if other != stop), key=row.__getitem__)[:NEIGHBOURS]
            for stop, row in enumerate(distances)
        ]
        # The stops whose neighbours the last move changed.
        self.touched: tuple[int, ...] = ()

    def improve(self, begin: Sequence[int], until: float) -> float:
        """Move by move around the stops of `begin` and those that a move touches; how much shorter the tour became."""
        queue = list(reversed(begin))
        waiting = set(queue)
        total = 0.0
        while queue:
            stop = queue.pop()
            waiting.discard(stop)
            while gain := self._reverse_at(stop) or self._shift_at(stop):
                total += gain
                for each in self.touched:
                    if each not in waiting:
                        waiting.add(each)
                        queue.append(each)
                if thread_time() > until:
                    return total
        return total

    def _reverse_at(self, stop: int) -> float:
        """2-opt: leave the leg after, or before, `stop` and one more; turn round what lies between."""
        distances, stops, place = self.distances, self.stops, self.place
        number, at, row = len(stops), place[stop], distances[stop]
        for step in (1, -1):
            beside = stops[(at + step) % number]
            leg = row[beside]
            row_beside = distances[beside]
            for other in self.near[stop]:
                new = row[other]
                if new >= leg:
                    break
                beyond = stops[(place[other] + step) % number]
                gain = leg + distances[other][beyond] - new - row_beside[beyond]
                if gain > _LEAST_GAIN:
                    low, high = sorted((at, place[other]))
                    low, high = (low + 1, high) if step == 1 else (low, high - 1)
                    stops[low : high + 1] = stops[low : high + 1][::-1]
                    for position in range(low, high + 1):
                        place[stops[position]] = position
                    self.touched = (stop, beside, other, beyond)
                    return gain
        return 0.0

    def _shift_at(self, stop: int) -> float:
        """Or-opt: move up to LONGEST_SEGMENT stops, of which `stop` is the first or the last, beside a near one."""
        distances, stops, place = self.distances, self.stops, self.place
        number, at, row = len(stops), place[stop], distances[stop]
        for length in range(1, min(LONGEST_SEGMENT, number - 3) + 1):
            for step in (1, -1):
                last = stops[(at + step * (length - 1)) % number]
                before, after = stops[(at - step) % number], stops[(at + step * length) % number]
                freed = row[before] + distances[last][after] - distances[before][after]
                row_last = distances[last]
                for other in self.near[stop]:
                    new = row[other]
                    if new >= freed:
                        break
                    # How far behind the segment's first stop, in its own direction.
                    if (place[other] - at) * step % number < length:
                        continue
                    for side in (1, -1):
                        beyond = stops[(place[other] + side) % number]
                        if (place[beyond] - at) * step % number < length:
                            continue
                        gain = freed + distances[other][beyond] - new - row_last[beyond]
                        if gain > _LEAST_GAIN:
                            self._shift(at, step, length, other, side)
                            self.touched = (stop, last, before, after, other, beyond)
                            return gain
                if length == 1:
                    break  # the same segment in both directions
        return 0.0

    def _shift(self, at: int, step: int, length: int, other: int, side: int) -> None:
        """Take `length` stops from `at` on out, and put them beside `other`, the first of them next to it."""
        number = len(self.stops)
        segment = [self.stops[(at + step * offset) % number] for offset in range(length)]
        moved = set(segment)
        rest = [stop for stop in self.stops if stop not in moved]
        position = rest.index(other)
        if side == 1:
            rest[position + 1 : position + 1] = segment
        else:
            rest[position:position] = segment[::-1]
        self.stops = rest
        self._number_from(0)

    def kick(self, chance: random.Random) -> float:
        """Exchange two neighbouring stretches (the double bridge): no 2-opt undoes it. How much shorter, below zero."""
        stops, distances = self.stops, self.distances
        number = len(stops)
        span = min(KICK_SPAN, (number - 1) // 2)
        first, second = chance.randint(1, span), chance.randint(1, span)
        # Cuts before the places `low`, `middle` and `high`.
        low = chance.randint(1, number - first - second)
        middle, high = low + first, low + first + second
        a, b, c, d = stops[low - 1], stops[low], stops[middle - 1], stops[middle]
        e, f = stops[high - 1], stops[high % number]
        stops[low:high] = stops[middle:high] + stops[low:middle]
        for position in range(low, high):
            self.place[stops[position]] = position
        self.touched = (a, b, c, d, e, f)
        gone = distances[a][b] + distances[c][d] + distances[e][f]
        return gone - distances[a][d] - distances[e][b] - distances[c][f]

    def _number_from(self, position: int) -> None:
        for at in range(position, len(self.stops)):
            self.place[self.stops[at]] = at
