"""Jobs with a known result, and a client that submits them until they are accepted."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import requests

from proofs.world.images import ImageServer
from proofs.world.processes import STORES, Server

# Between two tries to submit the same job.
PAUSE_SECONDS = 0.2
IMAGES_PER_VISIT = 5
# How many in a thousand of a job's images are missing, break the server, succeed only at the second try, or belong to
# an unknown store.
ODD_ONES = {"gone": 15, "broken": 5, "flaky": 15, "unknown": 10}


@dataclass(slots=True)
class Order:
    """A job as its client knows it; `paths` are those of its images, and of `unknown` those of unknown stores.

    Without an `api_key` it is nobody's.
    """

    key: str
    body: bytes
    paths: list[str]
    unknown: set[str]
    job_id: int = 0
    api_key: str = ""


def order(rng: Random, images: ImageServer, name: str, size: int, kinds: Mapping[str, float] | None = None) -> Order:
    """A job of `size` images whose mixture `rng` draws; `kinds` are like ODD_ONES."""
    kinds = ODD_ONES if kinds is None else kinds
    odd = {kind: max(1, round(size * share / 1000)) for kind, share in kinds.items()}
    drawn = [kind for kind, number in odd.items() for _ in range(number)]
    drawn += ["ok"] * (size - len(drawn))
    rng.shuffle(drawn)
    paths = [f"{'ok' if kind == 'unknown' else kind}/{name}-{number}" for number, kind in enumerate(drawn)]
    unknown = {path for path, kind in zip(paths, drawn, strict=True) if kind == "unknown"}
    visits: list[dict[str, Any]] = []
    known = [path for path in paths if path not in unknown]
    for start in range(0, len(known), IMAGES_PER_VISIT):
        visits.append(_visit(images, rng.choice(STORES), known[start : start + IMAGES_PER_VISIT]))
    if unknown:
        visits.insert(len(visits) // 2, _visit(images, "KS-UNKNOWN", sorted(unknown)))
    body = json.dumps({"count": len(visits), "visits": visits}).encode()
    return Order(f"{name}-{rng.randbytes(6).hex()}", body, paths, unknown)


def _visit(images: ImageServer, store_id: str, paths: list[str]) -> dict[str, Any]:
    return {"store_id": store_id, "image_url": [images.url(path) for path in paths], "visit_time": "2026-11-22"}


@dataclass(slots=True)
class Client:
    """Submits to the servers in turn, and again with the same key where it got no answer."""

    servers: list[Server]
    resent: int = 0
    """Submissions that got no answer, or 503."""
    replayed: int = 0
    """How many of those sent again the service had already stored."""
    at: Server | None = None
    """The server that receives a submission at this moment."""
    sending: threading.Event = field(default_factory=threading.Event)

    def submit(self, order: Order, stopping: threading.Event) -> None:
        """Submit until accepted, or until `stopping` is set; then `order.job_id` stays 0. AssertionError if refused."""
        turn = len(order.key) + sum(order.key.encode())
        while not stopping.is_set():
            turn += 1
            self.at = self.servers[turn % len(self.servers)]
            self.sending.set()
            try:
                # A new connection each time, so that a restarted server does not break a kept one.
                with requests.Session() as session:
                    session.trust_env = False
                    if order.api_key:
                        session.headers["Authorization"] = f"Bearer {order.api_key}"
                    answer = self.at.post(session, order.body, order.key)
            except requests.RequestException:
                answer = None
            finally:
                self.sending.clear()
            if answer is not None and answer.status_code == 201:
                order.job_id = answer.json()["job_id"]
                self.replayed += answer.headers.get("Idempotent-Replayed") == "true"
                return
            assert answer is None or answer.status_code == 503, f"{answer.status_code}: {answer.text[:200]}"
            self.resent += 1
            stopping.wait(PAUSE_SECONDS)
