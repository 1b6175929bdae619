from collections.abc import Iterator

import pytest

from proofs.kill import SETTINGS
from proofs.world.service import World


@pytest.fixture(scope="session", autouse=True)
def worlds_of_all_tests(worlds_are_copies: None) -> None:
    """Not only of those that ask for one here."""


@pytest.fixture(scope="session")
def one_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    # Images that are always refused end after their attempts, not after the two minutes that a host is given.
    with World(tmp_path_factory.mktemp("world"), **SETTINGS, HOST_PATIENCE_SECONDS="1") as world:
        yield world


@pytest.fixture
def world(one_world: World) -> Iterator[World]:
    """A service that has not been started, with nothing to do; shared, because to make its database takes seconds."""
    yield one_world
    one_world.start_over()
