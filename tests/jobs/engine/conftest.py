from collections.abc import Callable, Iterator

import pytest
from django.utils.module_loading import import_string

from jobs.engine import base
from jobs.engine.base import Engine


@pytest.fixture
def start_engine(settings, transactional_db) -> Iterator[Callable[[str], Engine]]:
    """Make and start engines by dotted path; every one is stopped after the test."""
    settings.WORKER_THREADS = 8
    settings.SHUTDOWN_SECONDS = 5
    started: list[Engine] = []

    def start(path: str) -> Engine:
        settings.ENGINE = path
        if started:
            engine = import_string(path)()
        else:
            base.forget_engine()
            engine = base.get_engine()
        started.append(engine)
        engine.start()
        return engine

    yield start
    # The last one first: what it hands back, it tells the first.
    for engine in reversed(started):
        engine.stop()
    base.forget_engine()
