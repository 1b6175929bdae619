import gc
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connection, transaction
from django.test import Client, TransactionTestCase
from PIL import Image
from pytest_django.plugin import DjangoDbBlocker
from whitenoise.middleware import WhiteNoiseMiddleware

from demo.brokers import Broker, BrokerMissing, RabbitMQ, Redis
from demo.image_server import ImageServer
from insights import kept
from proofs import hosts_world
from proofs.world import service
from proofs.world.cluster import Cluster
from tests import ROOT
from tests.databases import TEMPLATE, fill_from_template, migrated_template

FIXTURES = ROOT / "fixtures"
BROWSER_TESTS = ROOT / "tests" / "browser"
# The first is the same engine without the windows of a desktop: half the processor's time.
CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, CHROMIUMS)), None)

# Of the folder named on the command line, too, its files are left out.
collect_ignore_glob = [] if CHROMIUM else ["browser/*"]


# Every process here compiles the same modules, and rewrites the same asserts; without a cache, that is a third of the
# processor's time.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


# On a busy machine, how long an example takes says nothing of the code.
hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")


# Collecting makes some million objects that live until the end; to look through them again and again takes a quarter of
# the time that it takes.
gc.set_threshold(100_000, 50, 50)


# Most of what these do is to wait for processes of their own.
WAITING = tuple(
    str(ROOT / "tests" / folder) + os.sep
    for folder in ("client", "demo", "end_to_end", "jobs/engine", "proofs", "retail_pulse/postgres")
)
# They are through before the others, so that no worker is left alone with a long one.
WAITING_ARE_THROUGH = 0.85


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files whose tests wait evenly among those that keep a processor busy; the workers take them in turn.

    pytest-django has put the tests that need no database last, which are most of those that wait: at the same time they
    would leave the processors idle, after the others had to share them.
    """
    files = dict.fromkeys(item.path for item in items)
    waiting = [file for file in files if str(file).startswith(WAITING)]
    others = [file for file in files if not str(file).startswith(WAITING)]
    place = {file: number / len(waiting) * WAITING_ARE_THROUGH for number, file in enumerate(waiting)}
    place |= {file: number / len(others) for number, file in enumerate(others)}
    items.sort(key=lambda item: place[item.path])


def pytest_collection_finish() -> None:
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    asked = [Path(argument.partition("::")[0]).absolute() for argument in config.args]
    if not CHROMIUM and any(path in (BROWSER_TESTS, *BROWSER_TESTS.parents) for path in asked):
        terminalreporter.write_line("tests/browser was left out: there is no Chromium on this machine.")


def pytest_xdist_auto_num_workers() -> int:
    """Two for each processor: many tests wait for other processes, or for a browser."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Each worker's database is a copy of the one that the first of them has migrated."""
    folder = tmp_path_factory.getbasetemp()
    with (
        django_db_blocker.unblock(),
        migrated_template(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder),
    ):
        connection.settings_dict["TEST"]["TEMPLATE"] = TEMPLATE
        yield


@pytest.fixture(scope="session")
def worlds_are_copies(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The worlds made in this process have the tables of the template; what makes them is tried in other tests."""

    def fill(cluster: Cluster, variables: Mapping[str, str]) -> None:
        with django_db_blocker.unblock():
            fill_from_template(cluster, variables)

    with pytest.MonkeyPatch.context() as patch:
        for module in (service, hosts_world):
            patch.setattr(module, "prepare", fill)
        yield


@pytest.fixture(scope="session")
def images() -> Iterator[ImageServer]:
    """The fixture images over real HTTP, with the server's bad examples."""
    with ImageServer(FIXTURES / "images") as server:
        yield server


def broker(kind: type[Broker], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    try:
        kind.find()
    except BrokerMissing as missing:
        pytest.skip(str(missing))
    with kind(tmp_path_factory.mktemp(kind.__name__)) as server:
        yield server


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    yield from broker(Redis, tmp_path_factory)


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    yield from broker(RabbitMQ, tmp_path_factory)


@pytest.fixture(scope="session", autouse=True)
def static_files_looked_for_once() -> Iterator[None]:
    """Every test client has middleware of its own, and each would look for all static files: half of a test's time."""
    found: dict[str, Any] = {}
    look = WhiteNoiseMiddleware.add_files_from_finders

    def look_once(middleware: WhiteNoiseMiddleware) -> None:
        if not found:
            look(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", look_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_force_login() -> Iterator[None]:
    """Four statements instead of fifteen: nothing is carried over from another session, and no login is noted."""

    def force_login(client: Client, user: Any) -> None:
        session = import_module(settings.SESSION_ENGINE).SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.create()
        client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key or ""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "force_login", force_login)
        yield


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """Of what another test has summed."""
    kept.forget()


@pytest.fixture(autouse=True)
def pillows_own_limit() -> Iterator[None]:
    """`measure` sets it for the process, and some tests measure with next to none."""
    limit = Image.MAX_IMAGE_PIXELS
    yield
    Image.MAX_IMAGE_PIXELS = limit


# Made by the migrations, and the same for every test.
KEPT_TABLES = {"django_content_type", "auth_permission", "auth_group", "auth_group_permissions", "access_role"}
# What holds more is truncated: to delete row by row takes longer then.
MOST_DELETED_BYTES = 2**20


def empty_what_was_written(case: TransactionTestCase) -> None:
    """Leave the database as Django's flush does, in a tenth of its time.

    The flush truncates every table, written to or not, and makes the content types and permissions anew.
    """
    tables = sorted(set(connection.introspection.django_table_names(only_existing=True)) - KEPT_TABLES)
    quoted = [connection.ops.quote_name(table) for table in tables]
    with transaction.atomic(), connection.cursor() as cursor:
        # As a truncation would: whatever a thread of the test still writes is waited for, and goes as well.
        cursor.execute(f"LOCK TABLE {', '.join(quoted)} IN ACCESS EXCLUSIVE MODE")
        cursor.execute("SELECT name, pg_relation_size(name::regclass) FROM unnest(%s::text[]) AS name", [quoted])
        written = {table: size for table, size in cursor.fetchall() if size}
        if sum(written.values()) > MOST_DELETED_BYTES:
            cursor.execute(f"TRUNCATE {', '.join(written)} CASCADE")
            return
        for table in written:
            cursor.execute(f"DELETE FROM {table}")


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_what_was_written)
        yield
