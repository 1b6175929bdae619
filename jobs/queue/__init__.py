"""Every move of an image row, and nothing else.

To see whether the fence holds, read this package: a claim raises `claim_no`, and only the holder of (running, worker,
claim number) changes the row afterwards. All times are those of the database's clock. The moves are querysets; how
they become SQL, and how what every image passes through is compiled only once, is in `jobs/models/`.

::

    worker.py        what engines do: claim, record, release, rescue, promote
    control.py       what people do: retry, cancel, pause, resume, prioritize
    completion.py    what both lead to: counters, the job's status, held and canceled images
    milestones.py    who is told of it within the transaction
    announcements.py who is told of it, after the commit
    transitions.py   what an outcome makes of its image
    rank.py          the order of the queue
    quarantine.py    how the suspects of a crash are tried in ever smaller batches
    backoff.py       when a failed image is tried again
    choice.py        which ready images begin
    lanes.py         where the others wait for their host
    ready_rows.py    the statements that find and lock them
    glance.py        whether there is anything to do at all
    hosts.py         paused hosts, as all processes share them

Locks are taken in one order, so that no two of these wait for one another in a circle: the worker's row, then jobs by
id, then images by id. Whoever moves an image out of running, held or final locks its job first, and so has all images
of the job that are not ready or waiting to itself. Only what makes ready images running (claim) or waiting ones ready
(promote) goes without the job: it skips what is locked, and once it holds an image it waits for nothing.
"""

from jobs.models.server import database_now
from jobs.queue.announcements import JOBS_CHANNEL, announce, announce_on_commit, announcement
from jobs.queue.control import NotPossible, Retried, cancel, pause, prioritize, resume, retry
from jobs.queue.glance import due, glance
from jobs.queue.hosts import resume_host, share_pauses, shared_pauses
from jobs.queue.lanes import Lanes
from jobs.queue.ready_rows import count_claimable
from jobs.queue.worker import (
    Recorded,
    Released,
    Rescued,
    WorkerGone,
    claim,
    claim_waiting,
    promote,
    record,
    release,
    rescue,
)

__all__ = [
    "JOBS_CHANNEL",
    "Lanes",
    "NotPossible",
    "Recorded",
    "Released",
    "Rescued",
    "Retried",
    "WorkerGone",
    "announce",
    "announce_on_commit",
    "announcement",
    "cancel",
    "claim",
    "claim_waiting",
    "count_claimable",
    "database_now",
    "due",
    "glance",
    "pause",
    "prioritize",
    "promote",
    "record",
    "release",
    "rescue",
    "resume",
    "resume_host",
    "retry",
    "share_pauses",
    "shared_pauses",
]
