"""Fair shares: how the images in flight are divided among the hosts that have work."""

from collections.abc import Collection

from jobs.imaging.host import Host

# Faster than this is no faster: where there is no model step, noise would decide.
LEAST_SECONDS = 0.05


def fair_shares(hosts: Collection[Host], size: float, model_seconds: float, now: float) -> dict[str, float]:
    """Max-min fair by weight: nobody gets more than its window, and what one leaves is shared by the others."""
    weights = {host.name: (model_seconds + max(host.seconds(now), LEAST_SECONDS)) ** -2 for host in hosts}
    shares = {}
    left, weight = size, sum(weights.values())
    for host in sorted(hosts, key=lambda host: host.window / weights[host.name]):
        shares[host.name] = min(host.window, left * weights[host.name] / weight)
        left -= shares[host.name]
        weight -= weights[host.name]
    return shares
