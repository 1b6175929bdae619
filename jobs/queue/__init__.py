"""Every move of an image row, and nothing else.

Whoever wants to know whether the fence holds reads this room: a claim raises `claim_no`, and only the holder of
(running, worker, claim number) changes the row afterwards. All times are the database's clock.

::

    worker.py        what engines do: claim, record, release, rescue, promote
    control.py       what people ask for: retry, cancel, pause, resume, prioritize
    completion.py    what both end in: counters, the job's status, held and canceled images
    transitions.py   what an outcome makes of its image
    rank.py          whose turn is next
    quarantine.py    which images a crash makes suspects
    backoff.py       when a failed image is tried again
    lanes.py         which ready images begin, and where the others wait for their host
    hosts.py         paused hosts, as all processes share them

Locks are taken in one order everywhere: worker row, images by id, jobs by id.
"""

from jobs.queue.completion import JOBS_CHANNEL, announce
from jobs.queue.control import NotPossible, Retried, cancel, pause, prioritize, resume, retry
from jobs.queue.hosts import resume_host, share_pauses, shared_pauses
from jobs.queue.lanes import Lanes
from jobs.queue.worker import (
    WORKER_LOCK,
    Recorded,
    Rescued,
    WorkerGone,
    claim,
    claim_waiting,
    database_now,
    promote,
    record,
    release,
    rescue,
)

__all__ = [
    "JOBS_CHANNEL",
    "WORKER_LOCK",
    "Lanes",
    "NotPossible",
    "Recorded",
    "Rescued",
    "Retried",
    "WorkerGone",
    "announce",
    "cancel",
    "claim",
    "claim_waiting",
    "database_now",
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
