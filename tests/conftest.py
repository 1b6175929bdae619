import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from whitenoise.middleware import WhiteNoiseMiddleware

from demo.image_server import ImageServer
from tests import ROOT

FIXTURES = ROOT / "fixtures"
BROWSER_TESTS = ROOT / "tests" / "browser"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# Of the folder named on the command line, too, its files are left out.
collect_ignore_glob = [] if CHROMIUM else ["browser/*"]


# Every process here compiles the same modules, and rewrites the same asserts; without a cache, that is a third of the
# processor's time.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    asked = [Path(argument.partition("::")[0]).absolute() for argument in config.args]
    if not CHROMIUM and any(path in (BROWSER_TESTS, *BROWSER_TESTS.parents) for path in asked):
        terminalreporter.write_line("tests/browser was left out: there is no Chromium on this machine.")


def pytest_xdist_auto_num_workers() -> int:
    """Two for each processor: many tests wait for other processes, or for a browser."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session")
def images() -> Iterator[ImageServer]:
    """The fixture images over real HTTP, with the server's bad examples."""
    with ImageServer(FIXTURES / "images") as server:
        yield server


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
