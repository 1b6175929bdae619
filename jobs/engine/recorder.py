"""Writes outcomes to the database, many at a time, in a thread of its own."""

import logging
import queue as queues
import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, connections

from jobs import failpoints, queue
from jobs.engine.faults import is_connection_lost, is_transient
from jobs.engine.meter import Meter
from jobs.errors import Internal
from jobs.imaging.types import Evidence, Outcome

logger = logging.getLogger(__name__)

# Waiting a moment for more outcomes is what makes a batch: woken by every outcome, Postgres spends eight times the CPU.
LINGER_SECONDS = 0.05
MAX_BATCH = 500
RETRY_SECONDS = (0.05, 2.0)


class Recorder:
    """One thread with one connection; `put` may be called from any thread.

    `on_recorded` is given every batch that was dealt with, `on_moved` the ids of the jobs that have moved by it,
    `on_lost` the error that ended the thread.
    Outcomes that cannot be written because the connection is lost are dropped: their images are still claimed,
    and are rescued.
    """

    def __init__(
        self,
        worker_id: int,
        on_recorded: Callable[[list[Outcome]], None],
        on_moved: Callable[[list[int]], None],
        on_lost: Callable[[BaseException], None],
        meter: Meter | None = None,
    ) -> None:
        self._worker_id = worker_id
        self._on_recorded = on_recorded
        self._on_moved = on_moved
        self._on_lost = on_lost
        self._meter = meter or Meter()
        # None is the end: nothing is put after it that anybody waits for.
        self._outcomes: queues.SimpleQueue[Outcome | None] = queues.SimpleQueue()
        self._closing = threading.Event()
        self._giving_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"recorder-{worker_id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, outcome: Outcome) -> None:
        self._outcomes.put(outcome)

    def close(self, seconds: float) -> None:
        """Record what has been put, for at most `seconds`, and end the thread."""
        self._closing.set()
        self._outcomes.put(None)
        self._thread.join(seconds)
        self._giving_up.set()

    def _run(self) -> None:
        try:
            while batch := self._gather():
                self._record(batch)
                self._on_recorded(batch)
        except BaseException as error:  # noqa: BLE001 - the epoch must learn of any of them
            self._on_lost(error)
        finally:
            connections.close_all()

    def _gather(self) -> list[Outcome]:
        """The next batch; empty where the recorder is closing and has seen all."""
        batch: list[Outcome] = []
        outcome = self._outcomes.get()
        if not self._closing.is_set():
            time.sleep(LINGER_SECONDS)
        while outcome is not None:
            batch.append(outcome)
            if len(batch) == MAX_BATCH:
                return batch
            try:
                outcome = self._outcomes.get_nowait()
            except queues.Empty:
                return batch
        if batch:
            self._outcomes.put(None)  # after this batch
        return batch

    def _record(self, batch: list[Outcome]) -> None:
        """Record the batch, again and again where only the moment was wrong.

        Raises the error that lost the connection.
        """
        wait, longest = RETRY_SECONDS
        while True:
            begun = time.monotonic()
            try:
                recorded = queue.record(self._worker_id, batch)
                failpoints.hit("record.after_commit", batch)
            except DatabaseError as error:
                if is_connection_lost(error) or self._giving_up.is_set():
                    raise
                if not is_transient(error):
                    self._record_one_by_one(batch, error)
                    return
                logger.warning("recording again", extra={"worker": self._worker_id, "error": str(error).strip()})
                self._giving_up.wait(wait)
                wait = min(2 * wait, longest)
            else:
                self._meter.recorded(batch, recorded, time.monotonic() - begun)
                self._on_moved(recorded.moved_jobs)
                self._log(batch, recorded)
                return

    def _record_one_by_one(self, batch: list[Outcome], error: DatabaseError) -> None:
        """One outcome that the database refuses must not take the others with it; it becomes a failed attempt."""
        if len(batch) > 1:
            for outcome in batch:
                self._record([outcome])
            return
        claim = batch[0].claim
        logger.error(
            "outcome refused by the database",
            extra={
                "job": claim.job_id,
                "image": claim.image_id,
                "worker": self._worker_id,
                "error": str(error),
            },
        )
        if isinstance(batch[0].error, Internal):
            raise error
        self._record([Outcome(claim, Evidence(), error=Internal())])

    def _log(self, batch: list[Outcome], recorded: queue.Recorded) -> None:
        def ids(job_id: int) -> dict[str, Any]:
            return {
                "job": job_id,
                "worker": self._worker_id,
                "request_id": recorded.request_ids.get(job_id, ""),
            }

        for outcome in batch:
            if outcome.error is not None:
                logger.info(
                    "attempt failed",
                    extra={
                        **ids(outcome.claim.job_id),
                        "image": outcome.claim.image_id,
                        "attempt": outcome.claim.attempt,
                        "code": outcome.error.code,
                    },
                )
        for claim in recorded.fenced:
            logger.warning("stale outcome dropped", extra={**ids(claim.job_id), "image": claim.image_id})
        for job_id in recorded.finished_jobs:
            logger.info("job finished", extra=ids(job_id))
