from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.demo.image_server import ImageServer

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"


@pytest.fixture(scope="session")
def images() -> Iterator[ImageServer]:
    """The fixture images over real HTTP, with the server's bad examples."""
    with ImageServer(FIXTURES / "images") as server:
        yield server
