"""The pages in a real browser, on the service over a real socket; both share the test's database."""

import os
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Request, ViewportSize, expect, sync_playwright

from jobs import queue
from jobs.engine import base
from jobs.engine.base import Engine
from jobs.imaging.types import Outcome
from jobs.reporting.notifications import listener
from tests import ROOT
from tests.conftest import CHROMIUM
from tests.waiting import wait_for

# Screenshots of tests that failed; the folder is in .gitignore.
PICTURES = ROOT / ".browser"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    # Each page runs axe for a moment only: to optimize its code takes longer than that.
    "--js-flags=--always-sparkplug --no-flush-bytecode --no-maglev --no-opt",
]  # fmt: skip
DESK = ViewportSize(width=1280, height=900)
STREAMS = 50
# Of whatever a page is waited for; a machine may have ten other things to do.
TIMEOUT_MS = 30_000
TELL_OF_VIOLATIONS = """
    addEventListener("securitypolicyviolation", (event) =>
        console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
"""
PASSWORD = "correct horse battery"


def record(worker: int, outcomes: Collection[Outcome]) -> None:
    """Record, and announce what has moved, as an engine does."""
    queue.announce(queue.record(worker, outcomes).moved_jobs)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for the folder's tests.

    Playwright's loop runs in this thread for as long as the browser does, and Django would refuse to ask its database
    next to one; nothing is awaited here. Not for the session: what comes after could run no loop of its own.
    """
    expect.set_options(timeout=TIMEOUT_MS)
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
    else:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture
def site(live_server, settings) -> Iterator[str]:
    """The service's address. Its streams of events are ended with the test.

    There are more of them than in the service: tests leave pages faster than people do, and that a page has been left
    is noticed only seconds later.
    """
    settings.LIVE_STREAMS = settings.LIVE_STREAMS_PER_CLIENT = STREAMS
    yield live_server.url
    listener.close()
    wait_for(lambda: not listener.watchers and listener._thread is None)
    listener.begin()


@pytest.fixture
def context_options() -> dict[str, Any]:
    """What a file's browser has of its own."""
    return {}


@pytest.fixture
def context(chromium, site, context_options) -> Iterator[BrowserContext]:
    context = chromium.new_context(base_url=site, color_scheme="light", viewport=DESK, **context_options)
    context.set_default_timeout(TIMEOUT_MS)
    context.add_init_script(TELL_OF_VIOLATIONS)
    yield context
    context.close()


@pytest.fixture
def troubles() -> list[str]:
    """What the page complained of; a test that provokes something looks at it and clears it."""
    return []


@pytest.fixture
def page(request, context, troubles) -> Iterator[Page]:
    """A page that lets its test pass only without errors, failed requests and violations of the policy."""
    page = context.new_page()
    page.on("console", lambda said: said.type == "error" and troubles.append(f"console: {said.text}"))
    page.on("pageerror", lambda error: troubles.append(f"script: {error}"))
    page.on(
        "requestfailed", lambda request: _is_wanted(request) or troubles.append(f"{request.url}: {request.failure}")
    )
    yield page
    if troubles or request.node.stash.get(FAILED, False):
        PICTURES.mkdir(exist_ok=True)
        page.screenshot(
            path=PICTURES / f"{request.node.name}.png", full_page=True, caret="initial"
        )  # hiding it takes a style
    assert not troubles


def _is_wanted(request: Request) -> bool:
    """A page that is left ends its stream of events; a download is no page."""
    return request.failure == "net::ERR_ABORTED"


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    if report.when == "call" and report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture
def anna(site) -> User:
    """Somebody with a password, who is not staff."""
    return User.objects.create_user("anna", password=PASSWORD)


@pytest.fixture
def sign_in(context, site) -> Callable[[User], None]:
    """Sign a user in without the form."""

    def sign_in(user: User) -> None:
        client = Client()
        client.force_login(user)
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}])

    return sign_in


@pytest.fixture
def engine(settings, site) -> Iterator[Engine]:
    """The service's engine, not yet started; stopped with the test, and started again as often as it likes."""
    settings.ENGINE = "jobs.engine.threads.ThreadEngine"
    settings.WORKER_THREADS = 4
    settings.SHUTDOWN_SECONDS = 5
    base.forget_engine()
    engine = base.get_engine()
    yield engine
    engine.stop()
    base.forget_engine()
