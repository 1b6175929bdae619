import io
import os
import subprocess
import sys

import pytest

from client.retail_pulse_client.command import main
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
def run(service, tmp_path, monkeypatch):
    """Run the command in this process: standard output, standard error, exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RETAIL_PULSE_URL", service.url)

    def run(*arguments, stdin="", **environment):
        streams = {name: io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for name in ("stdout", "stderr")}
        with monkeypatch.context() as patch:
            for name, text in environment.items():
                patch.setenv(name, text)
            for name, stream in streams.items():
                patch.setattr(sys, name, stream)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8"))
            code = main([*map(str, arguments)])
        out, shown = (stream.buffer.getvalue().decode() for stream in streams.values())
        return out, shown, code

    return run


@pytest.fixture
def run_process(service, tmp_path):
    """Run the command as its own process, as it is installed: standard output, standard error, exit code."""

    def run(*arguments, stdin=None, **environment):
        done = subprocess.run(
            [sys.executable, "-m", "retail_pulse_client", *map(str, arguments)],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(CHECKOUT / "client"),
                "RETAIL_PULSE_URL": service.url,
                **environment,
            },
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        return done.stdout, done.stderr, done.returncode

    return run
