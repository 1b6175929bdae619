import os
import subprocess
import sys

import pytest

from tests.end_to_end.conftest import CHECKOUT, Deployment, migrated_database  # noqa: F401 - a fixture


@pytest.fixture(scope="session")
def service(migrated_database, tmp_path_factory):  # noqa: F811
    deployment = Deployment(tmp_path_factory.mktemp("client"), migrated_database())
    try:
        with deployment.service(MAX_ATTEMPTS="1", GPU_MIN_SECONDS="0", GPU_MAX_SECONDS="0") as running:
            yield running
    finally:
        deployment.end()


@pytest.fixture
def run(service, tmp_path):
    """Run the command as its own process, as it is installed: standard output, standard error, exit code."""

    def run(*arguments, stdin=None, **environment):
        done = start(*arguments, RETAIL_PULSE_URL=service.url, stdin=stdin, **environment)
        return done.stdout, done.stderr, done.returncode

    def start(*arguments, stdin, **environment):
        return subprocess.run(
            [sys.executable, "-m", "retail_pulse_client", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT / "client"), **environment},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )

    return run
