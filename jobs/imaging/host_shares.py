"""Fair shares: how the images in flight are divided among the hosts that have work."""

from collections.abc import Callable, Collection, Mapping

from jobs.imaging.host import Host

# A host whose downloads take this long is slow: even alone, it leaves a few slots to the hosts that come next.
SLOW_SECONDS = 1.0
# Download times below this count as this: without a model step, noise would decide otherwise.
LEAST_SECONDS = 0.05
# How long shares are kept while nothing changes. Computing them may take at most one part in SHARE_COSTS of the time.
SHARE_SECONDS = 0.005
SHARE_COSTS = 20


class HostShares:
    """The shares of one process, computed again when something has changed; the caller holds its lock.

    `hosts` are all hosts that the process knows, `busy` those of them with images in flight: both are the caller's own
    and change under it. Up to `size` images may be in flight, `slots` of which have a worker slot. `few` is how many
    slots slow hosts leave to others.
    """

    def __init__(
        self,
        hosts: Mapping[str, Host],
        busy: Mapping[str, Host],
        *,
        slots: int,
        size: int,
        few: int,
        clock: Callable[[], float],
    ) -> None:
        self._hosts = hosts
        self._busy = busy
        self._slots = slots
        self._size = size
        self._few = few
        self._clock = clock
        # To be raised by whatever may change a share.
        self.events = 0
        self._shares: dict[str, float] = {}
        # Of which `events` the shares are, when they were computed, and how many seconds that took.
        self._computed: tuple[int, float, float] = (-1, 0.0, 0.0)

    def share(self, host: Host, waiting: Collection[str], model_seconds: float) -> float:
        """The host's part of what may be in flight, at least 1. `waiting` names the hosts with images that wait."""
        now = self._clock()
        events, at, cost = self._computed
        is_fresh = events == self.events and now - at <= SHARE_SECONDS
        if not is_fresh and now - at >= SHARE_COSTS * cost:
            self._shares = self._compute(waiting, model_seconds, now)
            self._computed = self.events, now, self._clock() - now
        share = self._shares.get(host.name)
        if share is None:
            # It has got work since then: until the next computation, it has what an average host has.
            share = self._size / (len(self._shares) + 1)
        return max(1.0, share)

    def leftover(self, host: Host, now: float) -> float:
        """What the host may have in flight if no other host wants it: everything, less a few slots where it is slow."""
        if host.seconds(now) < SLOW_SECONDS:
            return self._size
        others = sum(
            len(each.flights)
            for each in self._busy.values()
            if each is not host and (not each.has_answered or each.seconds(now) >= SLOW_SECONDS)
        )
        return max(1, self._slots - self._few - others)

    def _compute(self, waiting: Collection[str], model_seconds: float, now: float) -> dict[str, float]:
        working = {name: host for name, host in self._busy.items() if host.has_answered and host.flights}
        for name in waiting:
            if (found := self._hosts.get(name)) is not None and found.has_answered:
                working[name] = found
        if len(working) == 1:
            (host,) = working.values()
            return {host.name: self.leftover(host, now)}
        return fair_shares(working.values(), float(self._size), model_seconds, now)


def fair_shares(hosts: Collection[Host], size: float, model_seconds: float, now: float) -> dict[str, float]:
    """Max-min fair by weight: no host gets more than its window, and what one leaves is shared by the others."""
    weights = {host.name: (model_seconds + max(host.seconds(now), LEAST_SECONDS)) ** -2 for host in hosts}
    shares = {}
    left, weight = size, sum(weights.values())
    for host in sorted(hosts, key=lambda host: host.window / weights[host.name]):
        shares[host.name] = min(host.window, left * weights[host.name] / weight)
        left -= shares[host.name]
        weight -= weights[host.name]
    return shares
