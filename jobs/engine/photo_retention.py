"""The thread of an engine that deletes kept photos: a storage that hangs holds up nothing else."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import Error

from jobs import deletion
from jobs.engine.companion import Companion
from jobs.queue import database_now

logger = logging.getLogger(__name__)

LOOK_SECONDS = 60.0


class PhotoRetention(Companion):
    """Two that delete at once, or one beside the command, do no harm, see `deletion.delete_unwanted`."""

    name = "photo-retention"
    on_error = "deleting photos again"

    @property
    def seconds(self) -> float:
        return LOOK_SECONDS

    def look(self) -> None:
        if settings.KEEP_DAYS:
            before = database_now() - timedelta(days=settings.KEEP_DAYS)
            self.rest_between(iter(lambda: deletion.delete_old_rows(before), 0))
        deletion.gather_bytes()
        self.rest_between(iter(self._delete_unwanted, False))

    def _delete_unwanted(self) -> bool:
        try:
            return deletion.delete_unwanted()
        except Error:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a storage raises
            logger.warning("photos are deleted later", extra={"worker": self._worker_id, "error": str(error)[:300]})
            return False
