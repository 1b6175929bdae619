import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.demo.image_server import ImageServer

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"


def pytest_xdist_auto_num_workers() -> int:
    """Three for two processors: many tests wait for other processes."""
    return max(1, (os.cpu_count() or 1) * 3 // 2)


@pytest.fixture(scope="session")
def images() -> Iterator[ImageServer]:
    """The fixture images over real HTTP, with the server's bad examples."""
    with ImageServer(FIXTURES / "images") as server:
        yield server
