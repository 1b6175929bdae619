"""The engine of one process: a claimer, many worker slots, a recorder and a heartbeat.

The claimer takes images from the queue and hands them to the slots; a slot fetches and measures one image and
holds no database connection; the recorder writes the outcomes; the heartbeat shows that this worker lives.
"""

import atexit
import logging
import threading
from collections.abc import Collection

from django.conf import settings
from django.db import connections

from jobs.engine.base import Engine
from jobs.engine.epoch import Epoch
from jobs.engine.gate import Gate
from jobs.engine.heartbeat import wake_listeners
from jobs.engine.memory import limit_arenas
from jobs.engine.moved_jobs import MovedJobs
from jobs.engine.slots import Slots
from jobs.imaging.host_limits import HostLimits
from jobs.imaging.model_step import ModelState, end_process
from jobs.imaging.pipeline import Pipeline
from jobs.imaging.types import Claim
from jobs.queue import Lanes

logger = logging.getLogger(__name__)

# Between two epochs while the database is away: the first pause, and the longest.
RESTART_SECONDS = (0.1, 2.0)
# What a process may take to hand claims back whose model is lost.
LEAVING_SECONDS = 3.0


class ThreadEngine(Engine):
    """Runs one epoch after the other until it is stopped; the slots outlive them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._supervisor: threading.Thread | None = None
        self._stopping = threading.Event()
        self._looked = threading.Event()
        self._epoch: Epoch | None = None
        self._slots: Slots | None = None
        self._pipeline: Pipeline | None = None
        self._gate = Gate()

    @property
    def is_running(self) -> bool:
        return self._supervisor is not None and self._supervisor.is_alive()

    @property
    def has_looked(self) -> bool:
        return self._looked.is_set()

    @property
    def busy_slots(self) -> int:
        slots = self._slots
        return 0 if slots is None else slots.busy

    @property
    def in_flight(self) -> int:
        epoch = self._epoch
        return 0 if epoch is None else len(epoch.in_flight)

    @property
    def model(self) -> ModelState | None:
        pipeline = self._pipeline
        return None if pipeline is None else pipeline.model.state

    def start(self) -> None:
        with self._lock:
            if self.is_running:
                return
            self._stopping.clear()
            self._looked.clear()
            limit_arenas()
            # Made here, so that the caller gets the error of a wrong GPU_STEP; nothing is claimed before it is loaded.
            pipeline = Pipeline.from_settings()
            pipeline.model.on_lost = self._end_process
            # Daemon: a process that ends without `stop` must not hang on it.
            self._supervisor = threading.Thread(target=self._supervise, args=[pipeline], name="claimer", daemon=True)
            self._supervisor.start()
            atexit.register(self.stop)

    def start_announcing(self) -> None:
        """The database announces work; there is nothing to start."""

    def wait_for_first_look(self, seconds: float) -> None:
        self._looked.wait(seconds)

    def stop_claiming(self) -> None:
        self._stopping.set()
        if epoch := self._epoch:
            epoch.wake.stop()

    def stop(self) -> None:
        self.stop_claiming()
        if self._supervisor is not None:
            self._supervisor.join()
        atexit.unregister(self.stop)

    def wake_up(self) -> None:
        wake_listeners()

    def _end_process(self, suspects: Collection[Claim]) -> None:
        """The model is lost. End the process as a crash does, for which only the suspects are in flight by then.

        The crash path finds out who of them is to blame, see `quarantine.py`.
        """
        # Whatever the database does meanwhile.
        guard = threading.Timer(LEAVING_SECONDS, end_process, [suspects])
        guard.daemon = True
        guard.start()
        try:
            if epoch := self._epoch:
                epoch.leave_with(suspects, LEAVING_SECONDS / 2)
                connections.close_all()
        except Exception:
            # The process ends either way; what it holds is rescued then.
            logger.exception("claims not released")
        finally:
            end_process(suspects)

    def _supervise(self, pipeline: Pipeline) -> None:
        self._slots = slots = Slots(settings.WORKER_THREADS)
        self._pipeline = pipeline
        # What was learned of hosts outlives an epoch, too, and so does what is still to be announced.
        lanes = Lanes(HostLimits.from_settings(settings.WORKER_THREADS, slots.size))
        moved = MovedJobs()
        first_pause, longest_pause = RESTART_SECONDS
        pause = first_pause
        try:
            while not self._stopping.is_set():
                try:
                    self._epoch = Epoch(pipeline, slots, lanes, self._gate, self._stopping, self._looked, moved)
                    pause = first_pause
                    self._epoch.run()
                except BaseException as error:  # noqa: BLE001 - an engine that gave up would strand every job
                    logger.warning(
                        "engine starts over", extra={"error": str(error).strip() or repr(error), "pause": pause}
                    )
                    self._stopping.wait(pause)
                    pause = min(2 * pause, longest_pause)
        finally:
            self._epoch = self._slots = self._pipeline = None
            # What is still at work is past SHUTDOWN_SECONDS: the downloads are cut, so the process can end.
            pipeline.close()
            slots.close()
            connections.close_all()
