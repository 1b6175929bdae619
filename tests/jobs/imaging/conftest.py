import ipaddress
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from jobs.imaging.fetch import Fetcher
from jobs.imaging.guard import Guard
from jobs.imaging.types import Evidence
from proofs.world.fault_server import FaultServer

LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
ALL_PORTS = range(1, 65536)
# Long enough for a busy machine; tests of timeouts set shorter ones.
LIMITS: dict[str, Any] = {"deadline_seconds": 10.0, "timeouts": (5.0, 5.0), "max_bytes": 100_000, "max_redirects": 3}


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def make_fetcher() -> Iterator[Callable[..., Fetcher]]:
    """Fetchers that may fetch from loopback, under LIMITS and the options given."""
    with ExitStack() as stack:

        def make(**options) -> Fetcher:
            guard = options.pop("guard", Guard([LOOPBACK], [ALL_PORTS]))
            fetcher = Fetcher(guard, **(LIMITS | options))
            stack.callback(fetcher.close)
            return fetcher

        yield make


@pytest.fixture
def fetcher(make_fetcher) -> Fetcher:
    return make_fetcher()


@pytest.fixture
def evidence() -> Evidence:
    return Evidence()


@pytest.fixture
def fetch(fetcher, evidence) -> Callable[[str], bytes]:
    """The body at a URL."""

    def get(url: str) -> bytes:
        with fetcher.fetch(url, evidence) as download:
            return download.file.read()

    return get
