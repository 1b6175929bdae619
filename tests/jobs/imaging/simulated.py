"""Photo hosts and one process in simulated time: what `HostLimits` decides, simulated in milliseconds.

The process is a stand-in for claimer, slots and queue that keeps their rules and nothing else: images in rank order,
lanes for those that cannot begin, a backoff for refusals. `./run proof hosts` runs the real ones.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from jobs import errors
from jobs.imaging.host import Blame
from jobs.imaging.host_limits import Admission, HostLimits
from jobs.queue.rank import BEHIND_SECONDS

type Answer = tuple[float, errors.ImageError | None]
"""Seconds, and the result of the request."""
type Server = Callable[[float], Answer]
"""How a host answers at a given moment."""

MAX_ATTEMPTS = 3
CLAIM_SECONDS = 0.01
RECORD_SECONDS = 0.05


def good(_: float) -> Answer:
    return 0.004, None


def silent(_: float) -> Answer:
    return 10.0, errors.ReadTimeout()


def refusing(_: float) -> Answer:
    return 0.003, errors.HTTPStatus(503)


class Bucket:
    """Accepts `rate` requests per second, and `burst` at once; refuses the others."""

    def __init__(self, rate: float, burst: float, status: int = 429, retry_after: float | None = None) -> None:
        self._rate, self._burst, self._tokens, self._last = rate, burst, burst, 0.0
        self._status, self._retry_after = status, retry_after

    def __call__(self, now: float) -> Answer:
        self._tokens = min(self._burst, self._tokens + (now - self._last) * self._rate)
        self._last = now
        if self._tokens < 1:
            return 0.003, errors.HTTPStatus(self._status, retry_after=self._retry_after)
        self._tokens -= 1
        return 0.003, None


@dataclass(order=True)
class Picture:
    rank: float
    image: int
    host: str
    job: int
    server: Server
    attempts: int = 0
    code: str | None = None
    ended: float | None = None


class Process:
    """`slots` slots and their hosts; `play` until a moment or until nothing is left to do."""

    def __init__(self, slots: int = 16, model: tuple[float, float] = (0.1, 0.4), patience: float = 120.0) -> None:
        self.now = 0.0
        self.limits = HostLimits(slots, slots * 3 // 2, patience=patience, clock=lambda: self.now)
        self.most_in_flight: dict[str, int] = {}
        self._slots, self._model = slots, model
        self._random = random.Random(1)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._events_seen = 0
        self._ready: list[Picture] = []
        self._lanes: dict[str, list[Picture]] = {}
        self._in_flight: dict[str, int] = {}
        self._waiting: list[Picture] = []
        self._busy = 0
        self._will_claim = False
        self._images = 0

    def submit(self, job: int, *hosts: tuple[str, Server]) -> list[Picture]:
        """An image for each of `hosts`, now."""
        pictures = []
        for n, (host, server) in enumerate(hosts):
            self._images += 1
            pictures.append(Picture(self.now + n, self._images, host, job, server))
        for picture in pictures:
            heapq.heappush(self._ready, picture)
        self._look()
        return pictures

    def play(self, until: float = 1e6, pictures: list[Picture] | None = None) -> None:
        """Let time pass until `until`, or until all `pictures` have ended."""
        while self._events and self._events[0][0] <= until:
            self.now, _, happen = heapq.heappop(self._events)
            happen()
            if pictures is not None and all(picture.ended is not None for picture in pictures):
                return
        self.now = max(self.now, min(until, self.now + 1))

    def _at(self, seconds: float, happen: Callable[[], None]) -> None:
        self._events_seen += 1
        heapq.heappush(self._events, (self.now + seconds, self._events_seen, happen))

    def _look(self) -> None:
        if not self._will_claim:
            self._will_claim = True
            self._at(CLAIM_SECONDS, self._claim)

    def _claim(self) -> None:
        self._will_claim = False
        room = self._slots * 3 // 2 - sum(self._in_flight.values())
        begun: list[Picture] = []
        self.limits.shared(self.limits.changed_pauses())
        for host in self.limits.due(16):
            if lane := self._lanes.get(host):
                kind = self.limits.pause_number(host) % 3
                picture = lane[0]
                if kind == 2:
                    first, last = lane[0].rank, max(lane).rank
                    place = self._random.uniform(first, last)
                    picture = min(each for each in lane if each.rank >= place)
                elif kind == 0:
                    picture = max(lane, key=lambda each: (each.job, each.rank))
                lane.remove(picture)
                heapq.heapify(lane)
                self.limits.begin_probe(host, picture.image, picture.job)
                begun.append(picture)
            else:
                self.limits.resume(host)
        self._from_lanes(begun, (room + 1) // 2)
        aside: list[tuple[Picture, Admission]] = []
        walk = 2 * room + 32
        while self._ready and len(begun) < room and walk:
            walk -= 1
            picture = heapq.heappop(self._ready)
            admission = Admission.HOST_BUSY
            if not self._lanes.get(picture.host):
                admission = self.limits.begin(picture.host, picture.image, picture.job)
            if admission is Admission.BEGINS:
                begun.append(picture)
            else:
                aside.append((picture, admission))
        self._from_lanes(begun, room)
        self._from_lanes(begun, room, leftover=True)
        for picture, admission in aside:
            self._defer(picture, picture.host if admission is Admission.HOST_BUSY else f"*{picture.job}")
        for picture in begun:
            self._in_flight[picture.host] = self._in_flight.get(picture.host, 0) + 1
            self.most_in_flight[picture.host] = max(
                self.most_in_flight.get(picture.host, 0), self._in_flight[picture.host]
            )
        self._waiting += begun
        self._fill_slots()
        if any(self._lanes.values()) or self._ready:
            self._at(min(self.limits.next_opening() + 0.001, 0.5), self._look)

    def _from_lanes(self, begun: list[Picture], most: int, *, leftover: bool = False) -> None:
        for name, lane in list(self._lanes.items()):
            room = (
                self.limits.room_for_strangers(int(name[1:]))
                if name.startswith("*")
                else self.limits.room(name, leftover=leftover)
            )
            back = []
            for _ in range(min(room, len(lane))):
                if len(begun) >= most:
                    break
                picture = heapq.heappop(lane)
                admission = self.limits.begin(picture.host, picture.image, picture.job, leftover=leftover)
                if admission is Admission.BEGINS:
                    begun.append(picture)
                elif admission is Admission.HOST_BUSY and name != picture.host:
                    self._defer(picture, picture.host)
                else:
                    back.append(picture)
            for picture in back:
                heapq.heappush(lane, picture)

    def _defer(self, picture: Picture, lane: str) -> None:
        heapq.heappush(self._lanes.setdefault(lane, []), picture)

    def _fill_slots(self) -> None:
        while self._waiting and self._busy < self._slots:
            picture = self._waiting.pop(0)
            self._busy += 1
            seconds, error = picture.server(self.now)
            self._at(seconds, partial(self._fetched, picture, seconds, error))

    def _fetched(self, picture: Picture, seconds: float, error: errors.ImageError | None) -> None:
        model = self._random.uniform(*self._model) if error is None else 0.0
        if error is None:
            self.limits.fetched(picture.host, picture.image)
            self._look()
        self._at(model, lambda: self._finished(picture, seconds, model, error))

    def _finished(self, picture: Picture, seconds: float, model: float, error: errors.ImageError | None) -> None:
        refusal = self.limits.finished(picture.host, picture.image, error, fetch_seconds=seconds, model_seconds=model)
        self._busy -= 1
        self._in_flight[picture.host] -= 1
        self._fill_slots()
        self._at(RECORD_SECONDS, lambda: self._recorded(picture, error, refusal))
        self._look()

    def _recorded(self, picture: Picture, error: errors.ImageError | None, refusal: Blame | None) -> None:
        picture.attempts += refusal is None
        if refusal is not None:
            picture.rank = max(picture.rank, self.now) + BEHIND_SECONDS
        if error is None or (refusal is None and not error.may_retry(picture.attempts, MAX_ATTEMPTS)):
            picture.code, picture.ended = (None if error is None else error.code), self.now
        elif refusal is not None and refusal.is_paused:
            self._defer(picture, picture.host)
        else:
            wait = max(self._random.uniform(0, 2 ** max(picture.attempts - 1, 0)), error.retry_after or 0.0)
            self._at(min(wait, 60.0), lambda: self._again(picture))
        self._look()

    def _again(self, picture: Picture) -> None:
        heapq.heappush(self._ready, picture)
        self._look()
