"""The thread of an engine that deletes old jobs, and the rest of those that people have deleted."""

import logging
import random
import threading
from collections.abc import Callable
from datetime import timedelta
from time import monotonic

from django.conf import settings
from django.db import Error, connections

from jobs import deletion
from jobs.models import DeletedJob, Worker
from jobs.queue import database_now
from stores import imports

logger = logging.getLogger(__name__)

# How often one looks for something to delete.
LOOK_SECONDS = 5.0
# After each slice, so many times as long as it took: deletion has a fifth of one connection's time at most, so that
# engines and requests hardly notice it.
REST = 4


class Retention:
    """Of all living engines only the one with the lowest worker id deletes; when it leaves, the next one does.

    Should two believe to be the one, they exclude each other, see `deletion.delete_slice`.
    """

    def __init__(self, worker_id: int) -> None:
        self._worker_id = worker_id
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"retention-{worker_id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def leave(self) -> None:
        """Begin to end: no further slice. Returns at once."""
        self._leaving.set()

    def join(self, seconds: float) -> None:
        """Wait at most `seconds` for the thread: a slice that is still at work is undone with its connection."""
        self._thread.join(seconds)

    def _run(self) -> None:
        # Not all engines of a fleet at once, which were started together.
        while not self._leaving.wait(LOOK_SECONDS * random.uniform(0.5, 1.5)):  # noqa: S311 - spreads load
            try:
                self._look()
            except Error as error:
                logger.warning("deleting again", extra={"worker": self._worker_id, "error": str(error).strip()})
            finally:
                # The pool is small, and nothing is asked of the database until the next look.
                connections.close_all()

    def _look(self) -> None:
        if not self._is_first():
            return
        if settings.RETENTION_DAYS:
            self._until_none(self._mark_old)
        self._until_none(self._delete_slice)

    def _is_first(self) -> bool:
        return Worker.objects.alive().order_by("pk").values_list("pk", flat=True).first() == self._worker_id

    def _mark_old(self) -> bool:
        before = database_now() - timedelta(days=settings.RETENTION_DAYS)
        marked = deletion.mark_old(before, DeletedJob.Cause.RETENTION)
        forgotten = imports.forget_stored(before)
        if marked or forgotten:
            logger.info(
                "old jobs deleted",
                extra={
                    "worker": self._worker_id,
                    "jobs": len(marked),
                    "images": sum(job.total for job in marked),
                    "imports": forgotten,
                },
            )
        return bool(marked)

    def _delete_slice(self) -> bool:
        return deletion.delete_slice(wait=False) is not None

    def _until_none(self, delete: Callable[[], bool]) -> None:
        """Delete, and rest, until there is nothing left or the engine leaves."""
        begun = monotonic()
        while not self._leaving.is_set() and delete():
            self._leaving.wait(REST * (monotonic() - begun))
            begun = monotonic()
