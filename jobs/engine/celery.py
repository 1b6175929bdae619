"""The thread engine, which claims only during shifts that Celery hands out.

A message of the broker is a shift: the permission to claim for at most SHIFT_SECONDS. What is claimed, in which order,
and what becomes of it is decided in the database, as by the thread engine; so a message that is lost, late or doubled
costs nothing but time. Celery decides who works: `inspect active`, `cancel_consumer`, `rate_limit` and Flower mean what
they always do. Only while the broker cannot be reached, every process claims by itself.
"""

import logging
import threading
from collections import Counter
from typing import Literal

from django.conf import settings

from jobs.engine.broker_errors import describe
from jobs.engine.celery_app import make_app
from jobs.engine.consumer import Alarm, EmbeddedConsumer
from jobs.engine.gate import Gate, ShiftEnd
from jobs.engine.meter import make_meter
from jobs.engine.publisher import Publisher
from jobs.engine.threads import ThreadEngine

logger = logging.getLogger(__name__)

# How long a consumer that has ended its shift may take to leave the broker.
LEAVE_SECONDS = 2.0


class CeleryEngine(ThreadEngine):
    def __init__(self) -> None:
        super().__init__()
        self._url = settings.BROKER_URL
        self.app = make_app(self._url, self.work_shift, events=settings.BROKER_EVENTS)
        self.app.engine = self
        self.alarm = Alarm()
        self._meter = make_meter()
        self._publisher = Publisher(self.app, self._publisher_looked, self._meter)
        self._gate = Gate(self._claim_now, self._publisher.hint)
        self._gate.stand_open(False)
        self._consumer: EmbeddedConsumer | None = None
        self._link = threading.Lock()
        self._is_consuming: bool | None = None
        self._is_answering: bool | None = None
        self.shifts: Counter[str] = Counter()
        """How many shifts of this process have ended so far, by ShiftEnd."""
        self._meter.watch_broker(lambda: self.broker_up)

    @property
    def broker_up(self) -> bool:
        """Whether this process can use its broker, as far as it knows."""
        return self._is_answering is not False and self._is_consuming is not False

    @property
    def broker(self) -> Literal["up", "away"]:
        return "up" if self.broker_up else "away"

    @property
    def published(self) -> int:
        """How many messages this process has sent so far."""
        return self._publisher.published

    @property
    def stopping(self) -> threading.Event:
        """Set while the engine is to stop."""
        return self._stopping

    def start(self) -> None:
        if self.is_running:
            return
        self.start_without_consumer()
        self._consumer = EmbeddedConsumer(self.app)
        self._consumer.start()

    def start_without_consumer(self) -> None:
        """Start where Celery's own command brings the consumer."""
        self._gate.reopen()
        super().start()
        self._publisher.start()

    def start_announcing(self) -> None:
        self._publisher.start()

    def stop_claiming(self) -> None:
        super().stop_claiming()
        # Its shift is over: the consumer leaves the broker while the slots drain.
        self._gate.close()
        self.alarm.ring()

    def stop(self) -> None:
        super().stop()
        # After the drain: what was handed back is for others, at once.
        self._publisher.hint()
        self._publisher.stop()
        if self._consumer is not None:
            self._consumer.join(LEAVE_SECONDS if self.broker_up else 0)
            self._consumer = None
        self._is_consuming = None

    def wake_up(self) -> None:
        self._publisher.start()
        self._publisher.hint()

    def work_shift(self) -> str:
        """What the task does: let this process claim for SHIFT_SECONDS, or until nothing is ready."""
        end = self._gate.work_shift(settings.SHIFT_SECONDS)
        self.shifts[end] += 1
        self._meter.shifts(end)
        if end is ShiftEnd.TIME_OVER:
            # More is ready, and the messages for it may be used up.
            self._publisher.hint()
        return end

    def consumer_ready(self) -> None:
        """The consumer takes messages."""
        self._link_changed(consuming=True)

    def consumer_lost(self, error: BaseException) -> None:
        """The consumer does not reach the broker, or is refused by it."""
        if not self._stopping.is_set():
            self._link_changed(consuming=False, error=error)

    def _publisher_looked(self, ready: int, error: BaseException | None) -> None:
        if not ready:
            # There is nothing that a shift could begin.
            self._looked.set()
        self._link_changed(answering=error is None, error=error)

    def _link_changed(
        self, *, consuming: bool | None = None, answering: bool | None = None, error: BaseException | None = None
    ) -> None:
        with self._link:
            was_up = self.broker_up
            if consuming is not None:
                self._is_consuming = consuming
            if answering is not None:
                self._is_answering = answering
            self._gate.stand_open(not self.broker_up)
            is_up = self.broker_up
        if error is not None:
            logger.warning("broker not available", extra=describe(error, self._url))
        elif is_up and not was_up:
            logger.warning("broker available again")
            self._publisher.hint()

    def _claim_now(self) -> None:
        if epoch := self._epoch:
            epoch.wake.work_came()
