"""Deleting ended jobs: old ones, and single ones on request.

**Guarantee.** A job disappears whole, at one instant, for every reader; its images are counted in `DayTotal` exactly
once; what was deleted, when and by whom is in `DeletedJob`. A crash at any moment leaves nothing that the next process
does not finish.

A job is deleted in two steps, since it may have a million images:

1. `marks.py`, one short transaction: the job becomes `is_deleted`, so that all readers leave it out, and gets its row
   of `DeletedJob`. Only jobs that have ended are marked. Nothing unmarks one.
2. `slices.py`, many bounded transactions: its images are counted and deleted, then its visits and its batches
   of the results feed, then the job itself. The first one comes GRACE_SECONDS after the mark, when every request that
   found the job has read what belongs to it.

Locks: one process at a time deletes slices, by an advisory lock that lasts as long as its transaction. A mark locks its
jobs, in the queue's order; a slice locks only rows of jobs that nobody else can find.

::

    marks.py       which jobs are deleted from now on
    slices.py      counting and deleting their rows
    belongings.py  what goes with an image, a visit, or a photo's evidence
    evidence.py    deleting the evidence of photos, which may go before its job
    photos.py      deleting kept photos that no image is of any more
    prune.py       both, until there is nothing left: what `manage.py prune` does
"""

from jobs.deletion.evidence import forget_evidence
from jobs.deletion.marks import mark, mark_old, old_jobs
from jobs.deletion.photos import delete_old_rows, delete_orphans, delete_unwanted, gather_bytes
from jobs.deletion.prune import Pruned, count_lost_files, prune
from jobs.deletion.slices import GRACE_SECONDS, Slice, delete_slice, is_anything_due

__all__ = [
    "GRACE_SECONDS",
    "Pruned",
    "Slice",
    "count_lost_files",
    "delete_old_rows",
    "delete_orphans",
    "delete_slice",
    "delete_unwanted",
    "forget_evidence",
    "gather_bytes",
    "is_anything_due",
    "mark",
    "mark_old",
    "old_jobs",
    "prune",
]
