from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from pytest_django.plugin import DjangoDbBlocker

from demo.brokers import Broker
from proofs.kill import SETTINGS
from proofs.world.broker import TriedBroker
from proofs.world.cluster import DATABASE, Cluster
from proofs.world.processes import CommandFailed
from proofs.world.service import World
from tests.databases import disconnect

# What these do takes a moment; a process for each would take the better part of a second.
QUICK_COMMANDS = {"audit", "create_api_key"}


@pytest.fixture(scope="session", autouse=True)
def worlds_of_all_tests(worlds_are_copies: None) -> None:
    """Not only of those that ask for one here."""


class SharedWorld(World):
    """Runs QUICK_COMMANDS in this process, with its settings and the world's database."""

    def __init__(self, folder: Path, blocker: DjangoDbBlocker, **settings: str) -> None:
        super().__init__(folder, **settings)
        self._blocker = blocker

    def manage(self, *arguments: str, **settings: str) -> str:
        if arguments[0] not in QUICK_COMMANDS or settings:
            return super().manage(*arguments, **settings)
        printed = StringIO()
        try:
            with self._blocker.unblock(), connected_to(self.cluster):
                call_command(*arguments, stdout=printed, stderr=printed)
        except SystemExit as ended:
            raise CommandFailed(printed.getvalue()) from ended
        return printed.getvalue()


@pytest.fixture
def broker(redis: Broker) -> Iterator[TriedBroker]:
    """In which nothing waits: the server is shared with other tests, and a storm leaves messages behind."""
    with TriedBroker(redis) as broker:
        broker.flush()
        yield broker
        broker.flush()


@contextmanager
def connected_to(cluster: Cluster) -> Iterator[None]:
    """Let this process use the database of another server."""
    with cluster.connect() as there:
        address = {"host": there.info.host, "port": there.info.port, "user": there.info.user}
    address["dbname"] = DATABASE
    kind = type(connections[DEFAULT_DB_ALIAS])
    ours = kind.get_connection_params
    disconnect()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "get_connection_params", lambda wrapper: {**ours(wrapper), **address})
        try:
            yield
        finally:
            disconnect()


@pytest.fixture(scope="session")
def one_world(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    # Images that are always refused end after their attempts, not after the two minutes that a host is given.
    folder = tmp_path_factory.mktemp("world")
    with SharedWorld(folder, django_db_blocker, **SETTINGS, HOST_PATIENCE_SECONDS="1") as world:
        yield world


@pytest.fixture
def world(one_world: World) -> Iterator[World]:
    """A service that has not been started, with nothing to do; shared, because to make its database takes seconds."""
    yield one_world
    one_world.start_over()
