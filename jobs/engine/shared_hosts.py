"""Agrees with the other processes on which photo hosts are paused."""

import logging
from time import monotonic

from jobs import queue
from jobs.imaging.host import Pause

logger = logging.getLogger(__name__)


class SharedHosts:
    """What this process knows of hosts is in `lanes.limits`; what all processes share is in the database."""

    def __init__(self, worker_id: int, lanes: queue.Lanes) -> None:
        self._worker_id = worker_id
        self._lanes = lanes
        self._hosts = lanes.limits

    def share_pauses(self) -> None:
        """Let the other processes know which hosts were paused or resumed here."""
        if changed := self._hosts.changed_pauses():
            queue.share_pauses(changed)
            self._hosts.shared(changed)
            for host, pause in changed.items():
                self._log(host, pause)

    def agree(self) -> None:
        """Share pauses, learn those of others, and see where images wait for their host."""
        self.share_pauses()
        self._hosts.learn_pauses(*queue.shared_pauses())
        self._lanes.look_around()

    def _log(self, host: str, pause: Pause | None) -> None:
        if pause is None:
            logger.info("host resumed", extra={"worker": self._worker_id, "host": host})
        else:
            logger.warning(
                "host paused",
                extra={
                    "worker": self._worker_id,
                    "host": host,
                    "code": pause.code,
                    "seconds": round(pause.until - monotonic(), 1),
                    "number": pause.number,
                },
            )
