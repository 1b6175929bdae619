"""Processes die, freeze and lose their database while they work through jobs."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from proofs.kill_watch import Rescue, Watch
from proofs.world.cluster import Cluster, Observer
from proofs.world.jobs import Client
from proofs.world.processes import Process

LOOK_SECONDS = 0.02
# Beyond the lease, so that a frozen process is certainly considered dead.
FREEZE_SECONDS = 2.0
# The share of kills that wait for a submission in progress.
AIM_AT_SUBMISSIONS = 0.5
# The events take place in this share of the work, and so many images before its end at least: the last one still
# interrupts some, also on a busy machine.
SHARE_OF_WORK = 0.95
LEFT_AT_LEAST = 150


@dataclass
class Storm:
    """A sequence of events: each at a random point of its own slice of the work, to a process of the service.

    `kills` of one process at a time, in turn, each started again at once; `restarts` of PostgreSQL (immediate),
    `cuts` of every connection, `freezes` of one process for longer than the lease; and, where the work is handed out by
    a broker, `broker_events`, by their names in `kill_broker.py`.
    """

    cluster: Cluster
    processes: Sequence[Process]
    client: Client
    watch: Watch
    rng: Random
    images: int
    lease: float
    broker_events: Mapping[str, Callable[[Random], None]] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    kills_in_flight: int = 0
    """Kills of a process with images in flight."""
    kills_in_submit: int = 0
    hits: int = 0
    """How many processes lost their images in flight, over all events."""
    first_claims: list[float] = field(default_factory=list)
    """Seconds from PostgreSQL's readiness after a restart to the first claim."""
    frozen_workers: list[int] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    """Processes that ended by themselves, and were started again as a supervisor would."""
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._observer = Observer(self.cluster)
        self._turns: list[Process] = []

    def run(self, planned: Mapping[str, int]) -> None:
        """Let every event take place so many times.

        Returns when everything has happened, or no image is left to be interrupted, or `stopping` is set.
        """
        plan = ["kill"] * planned["kill"]
        for event in [event for event, times in planned.items() if event != "kill" for _ in range(times)]:
            plan.insert(self.rng.randrange(len(plan) + 1), event)
        events = {"kill": self._kill, "restart": self._restart, "cut": self._cut, "freeze": self._freeze}
        try:
            for number, event in enumerate(plan):
                slot = min(self.images * SHARE_OF_WORK, self.images - LEFT_AT_LEAST) / len(plan)
                victim = self._wait_until(slot * (number + self.rng.random()), event)
                if self.stopping.is_set() or self._finished() >= self.images:
                    return
                if event in self.broker_events:
                    self.broker_events[event](self.rng)
                else:
                    events[event](victim)
                self.done[event] += 1
        finally:
            self._observer.close()

    def _finished(self) -> int:
        # Without the old ones, which are only there to be pruned.
        ours = "SELECT coalesce(sum(completed + failed), 0) FROM jobs_job WHERE created_at > now() - interval '1 day'"
        return int(self._observer.query(ours)[0][0])

    def _wait_until(self, finished: float, event: str) -> Process | None:
        """Wait until `finished` images are final or, for some kills, until the victim receives a submission."""
        aims = event == "kill" and self.rng.random() < AIM_AT_SUBMISSIONS
        while not self.stopping.is_set():
            self._supervise()
            if aims and self.client.sending.wait(LOOK_SECONDS) and (victim := self.client.at) in self._at_work():
                self.stopping.wait(self.rng.uniform(0, 0.1))
                return victim
            if self._finished() >= finished:
                break
            if not aims:
                self.stopping.wait(LOOK_SECONDS)
        return None

    def _kill(self, victim: Process | None) -> None:
        self._wait_for(lambda: len(self._at_work()) > 1)
        at_work = self._at_work()
        if victim is None:
            victim = self._next_victim(at_work)
        if victim is None or len(at_work) < 2:
            return
        self.kills_in_submit += victim is self.client.at and self.client.sending.is_set()
        rescue = self._rescue("kill", [victim])
        rescue.begun = time.monotonic()
        victim.kill()
        self.watch.rescues.append(rescue)
        self.kills_in_flight += rescue.held > 0
        victim.start()

    def _restart(self, _: Process | None) -> None:
        self._all_at_work()
        rescue = self._rescue("restart", self.processes)
        rescue.begun = time.monotonic()
        self.cluster.restart("immediate")
        ready, ready_at = time.monotonic(), time.time()
        self.watch.rescues.append(rescue)
        # The database's clock is this process's clock: it runs on this machine.
        claims = "SELECT min(claimed_at) FROM jobs_imageresult WHERE claimed_at > to_timestamp(%s)"
        first = self._wait_for(lambda: self._observer.query(claims, [ready_at])[0][0])
        self.first_claims.append(first.timestamp() - ready_at if first else time.monotonic() - ready)

    def _cut(self, _: Process | None) -> None:
        self._all_at_work()
        rescue = self._rescue("cut", self.processes)
        rescue.begun = time.monotonic()
        self.cluster.terminate_backends()
        self.watch.rescues.append(rescue)

    def _freeze(self, _: Process | None) -> None:
        self._all_at_work()
        victim = self.rng.choice(self.processes)
        self._wait_for(lambda: self._held(self._workers([victim])))
        rescue = self._rescue("freeze", [victim])
        rescue.begun = time.monotonic()
        victim.freeze()
        self.watch.rescues.append(rescue)
        self.frozen_workers += rescue.workers
        try:
            self.stopping.wait(self.lease + FREEZE_SECONDS)
        finally:
            victim.resume()
        self._all_at_work()

    def _rescue(self, kind: str, victims: Sequence[Process]) -> Rescue:
        self.hits += len(victims)
        workers = self._workers(victims)
        return Rescue(kind, workers, time.monotonic(), self._held(workers))

    def _next_victim(self, at_work: Sequence[Process]) -> Process | None:
        """In turn, in an order drawn anew each round; skips processes that are still starting."""
        if not self._turns:
            self._turns = self.rng.sample(list(self.processes), len(self.processes))
        for process in self._turns:
            if process in at_work:
                self._turns.remove(process)
                return process
        # All remaining processes of this round are still starting.
        self._turns = []
        return self.rng.choice(list(at_work)) if at_work else None

    def _workers(self, processes: Sequence[Process]) -> list[int]:
        """The worker ids of `processes`."""
        rows = self._observer.query("SELECT id, pid FROM jobs_worker")
        return [worker for worker, pid in rows if any(process.owns(pid) for process in processes)]

    def _held(self, workers: list[int]) -> int:
        held = "SELECT count(*) FROM jobs_imageresult WHERE state = 'running' AND claimed_by = ANY(%s)"
        return int(self._observer.query(held, [workers])[0][0])

    def _at_work(self) -> list[Process]:
        pids = [pid for (pid,) in self._observer.query("SELECT pid FROM jobs_worker")]
        return [process for process in self.processes if any(process.owns(pid) for pid in pids)]

    def _all_at_work(self) -> None:
        self._wait_for(lambda: len(self._at_work()) == len(self.processes))

    def _wait_for[T](self, fact: Callable[[], T]) -> T:
        """Wait for a fact, for as long as there is work left."""
        while not (found := fact()) and not self.stopping.wait(LOOK_SECONDS) and self._finished() < self.images:
            self._supervise()
        return found

    def _supervise(self) -> None:
        for process in self.processes:
            if process.has_ended():
                self.ended.append(f"{process.name}: {process.output()[-300:]}")
                process.start()
