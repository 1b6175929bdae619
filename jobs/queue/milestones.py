"""Who is told, in the transaction of a move, how far it has brought a job: for what must be stored with the move.

An announcement is a hint and may get lost; what a listener writes is committed with the move, or not at all.
"""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

PERCENTS = 25, 50, 75


class Milestone(StrEnum):
    STARTED = "started"
    """The first outcome has come in, that of a failed attempt included."""
    PROGRESS = "progress"
    """One of PERCENTS of its images are final; after a retry that reopens some, once more."""
    ENDED = "ended"
    """All of its images are final; after a retry that reopens some, once more."""


class Reached(NamedTuple):
    job_id: int
    owner_id: int | None
    milestone: Milestone
    percent: int = 0
    """Of PROGRESS: one of PERCENTS."""


class Failed(NamedTuple):
    """Images of a job that have been tried and are final now: not those that were canceled or skipped, nor those of
    unknown stores, which their job's end counts."""

    job_id: int
    owner_id: int | None
    image_ids: Sequence[int]


listeners: list[Callable[[Sequence[Reached], Sequence[Failed]], None]] = []
"""Of apps above this one. They are called within the transaction, which an error of theirs would undo; what they do
there must be bounded, and cheap where nobody has asked for anything."""


def tell(reached: Sequence[Reached], failed: Sequence[Failed] = ()) -> None:
    """Call in the transaction that brought the jobs there."""
    if reached or failed:
        for listener in listeners:
            listener(reached, failed)


def passed(job_id: int, owner_id: int | None, *, started: bool, before: int, now: int, total: int) -> Iterator[Reached]:
    """What a job has reached whose final images have become `now` from `before`, of `total`.

    `started` where it had started before. Of several PERCENTS passed at once only the last is reached, and none where
    the job has ended by it.
    """
    if not started:
        yield Reached(job_id, owner_id, Milestone.STARTED)
    if now == total:
        yield Reached(job_id, owner_id, Milestone.ENDED)
        return
    if found := [percent for percent in PERCENTS if 100 * before < percent * total <= 100 * now]:
        yield Reached(job_id, owner_id, Milestone.PROGRESS, found[-1])
