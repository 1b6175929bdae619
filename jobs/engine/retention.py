"""The thread of an engine that deletes old jobs, and the rest of those that people have deleted."""

import logging
from datetime import timedelta

from django.conf import settings

from jobs import deletion
from jobs.engine.companion import Companion
from jobs.models import DeletedJob
from jobs.queue import database_now
from stores import imports

logger = logging.getLogger(__name__)

# How often one looks for something to delete.
LOOK_SECONDS = 5.0


class Retention(Companion):
    """Should two believe to be the one that deletes, they exclude each other, see `deletion.delete_slice`."""

    name = "retention"
    on_error = "deleting again"

    @property
    def seconds(self) -> float:
        return LOOK_SECONDS

    def look(self) -> None:
        if settings.RETENTION_DAYS:
            self.rest_between(iter(self._mark_old, False))
        if settings.PHOTO_EVIDENCE_DAYS:
            self.rest_between(iter(self._forget_evidence, False))
        self.rest_between(iter(self._delete_slice, False))

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

    def _forget_evidence(self) -> bool:
        before = database_now() - timedelta(days=settings.PHOTO_EVIDENCE_DAYS)
        forgotten = deletion.forget_evidence(before)
        if forgotten:
            logger.info("old evidence deleted", extra={"worker": self._worker_id, "images": forgotten})
        return bool(forgotten)

    def _delete_slice(self) -> bool:
        return deletion.delete_slice(wait=False) is not None
