"""Deleting all that is old, in one call."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import sleep

from django.db import DatabaseError

from jobs.deletion import slices
from jobs.deletion.evidence import forget_evidence
from jobs.deletion.marks import mark_old
from jobs.deletion.photos import delete_orphans, delete_unwanted, gather_bytes
from jobs.models import DeletedJob
from stores import imports


@dataclass(slots=True)
class Pruned:
    """How many jobs were deleted, how many images they had, and how many imports of stores, lost files of photos, and
    photos' evidence of jobs that stay, were deleted.
    """

    jobs: int = 0
    images: int = 0
    imports: int = 0
    files: int = 0
    storage_error: str = ""
    """Why not all files of photos were looked at; else empty."""
    evidence: int = 0


def prune(before: datetime, watch: Callable[[int, int], None] = lambda done, images: None) -> Pruned:
    """Delete the jobs that ended before `before`, and the imports and the evidence of photos stored before then.

    `watch` is called after every slice with how many images are deleted, and how many are to be. Where another process
    deletes too, the two share the jobs, and take turns at the slices; each returns once what it has marked is gone.
    Interrupted, it leaves jobs that are whole, and jobs that nobody sees any more, of which an engine or the next call
    deletes the rest.
    """
    pruned = Pruned(imports=imports.forget_stored(before))
    while marked := mark_old(before, DeletedJob.Cause.COMMAND):
        pruned.jobs += len(marked)
        pruned.images += sum(job.total for job in marked)
    if pruned.jobs:
        sleep(slices.GRACE_SECONDS)
    done = 0
    # Also what others have marked and not finished.
    while (deleted := slices.delete_slice(wait=True)) is not None:
        done += deleted.images
        watch(done, pruned.images)
    while forgotten := forget_evidence(before):
        pruned.evidence += forgotten
    gather_bytes()
    with _unless_away(pruned):
        while delete_unwanted():
            pass
        pruned.files = delete_orphans(dry_run=False)
    return pruned


def count_lost_files(pruned: Pruned) -> None:
    """Of photos, those that `prune` would delete because no image is of them."""
    with _unless_away(pruned):
        pruned.files = delete_orphans(dry_run=True)


@contextmanager
def _unless_away(pruned: Pruned) -> Iterator[None]:
    """A storage of photos that refuses undoes nothing of what was deleted."""
    try:
        yield
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a storage raises
        pruned.storage_error = f"{type(error).__name__}: {error}"[:300]
