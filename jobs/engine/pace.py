"""How often an engine asks the database for something that nobody has told it of.

What the workers of one database do for all of them, they do in turns: ten workers ask no more often than one.
"""

import random
from time import monotonic, time

from django.conf import settings

# How often dead workers are looked for and waiting images promoted, by one of all living workers.
HOUSEKEEPING_SECONDS = 0.5
# How often each worker does so at least: it cannot know yet that all others have just died.
MOST_HOUSEKEEPING_SECONDS = 3.0
# How often an engine looks for ready images that no wake-up has told it of; and how often where it hears none.
POLL_SECONDS, DEAF_POLL_SECONDS = 2.5, 0.5
# How many workers look after a wake-up, and how long after each other: so the second one finds what the first has left.
# Where there is more than the first can take, it wakes all.
LOOKERS, BETWEEN_LOOKS_SECONDS = 3, 0.03


class Turn:
    """When something is to be done next: at once, and from then on whenever `put_off` says."""

    def __init__(self) -> None:
        self.at = 0.0
        """On the monotonic clock."""

    @property
    def has_come(self) -> bool:
        return monotonic() >= self.at

    def comes_in(self, seconds: float) -> None:
        self.at = monotonic() + seconds

    def put_off(self, seconds: float) -> None:
        """The next turn comes in `seconds` on average: by chance sooner or later, lest all processes keep step."""
        self.at = monotonic() + seconds * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load, protects nothing


def between_housekeepings(workers: int) -> float:
    """Seconds between two turns of one of as many living workers."""
    return min(HOUSEKEEPING_SECONDS * max(1, workers), MOST_HOUSEKEEPING_SECONDS)


def until_housekeeping(place: int, workers: int) -> float:
    """Seconds until the turn of one of as many living workers, by its place among them.

    One after the other by the clocks of their machines, so that there is no long gap by chance: where one has died, the
    next one finds it.
    """
    period = between_housekeepings(workers)
    wait = (period * place / max(1, workers) - time()) % period
    # This turn's own end is not the next one.
    return wait if wait > period / 10 else wait + period


def until_look(number: int, place: int, workers: int) -> float | None:
    """Seconds until one of as many living workers looks, by its place among them; None where it is left to others."""
    turn = (place + number) % max(1, workers)
    return turn * BETWEEN_LOOKS_SECONDS if turn < LOOKERS else None


def between_polls() -> float:
    return DEAF_POLL_SECONDS if settings.LEASE_ONLY else POLL_SECONDS
