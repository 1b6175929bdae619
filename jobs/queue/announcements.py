"""Tells those who watch jobs which of them have moved: their counters or their state.

An announcement is a hint, made after the commit and perhaps never: who needs to know reads the rows as well.
"""

from collections.abc import Collection
from functools import partial
from itertools import batched
from typing import Any

from django.db import transaction

from retail_pulse.db.notify import MOST_NOTIFIED, notification, notify

JOBS_CHANNEL = "retail_pulse_jobs"
# In one text: each takes up to 19 digits and a comma.
MOST_IDS = MOST_NOTIFIED // 20


def announcement(job_ids: Collection[int]) -> tuple[str, list[Any]]:
    """The statement that announces that these jobs have moved, see `notification`."""
    return notification(JOBS_CHANNEL, _texts(job_ids))


def announce(job_ids: Collection[int]) -> None:
    """Announce now that these jobs have moved. Raises RuntimeError within a transaction."""
    if job_ids:
        notify(JOBS_CHANNEL, _texts(job_ids))


def announce_on_commit(job_id: int) -> None:
    """Announce that this job has moved, once the transaction is committed."""
    transaction.on_commit(partial(announce, [job_id]), robust=True)


def _texts(job_ids: Collection[int]) -> list[str]:
    return [",".join(map(str, ids)) for ids in batched(sorted(job_ids), MOST_IDS)]
