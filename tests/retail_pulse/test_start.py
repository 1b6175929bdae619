"""Does a process load only what it needs? Every import is waited for at each start, and after each crash."""

import json
import os
import subprocess
import sys
from urllib.parse import quote

import pytest
from django.db import connection

from tests import ROOT

# Prints the names of the modules that were loaded by a management command, and imports what the framework does without.
LOADED = """
import json, sys
import manage
sys.argv = ["manage.py", "check"]
manage.main()
loaded = sorted(sys.modules)
import requests, uritemplate, yaml, pygments
print(json.dumps(loaded))
"""

# The same of `serve`, at the moment when its process is about to fork the one that runs the engine.
LOADED_BY_SERVE = """
import json, sys
import manage
from gunicorn.arbiter import Arbiter
Arbiter.run = lambda _: print(json.dumps(sorted(sys.modules)))
sys.argv = ["manage.py", "serve"]
manage.main()
"""

# Each would be a weight at the start, and is used by few processes or by none.
HEAVY = [
    "PIL",
    "django.test",
    "drf_spectacular.generators",
    "drf_spectacular.plumbing",
    "drf_spectacular.views",
    "ftfy",
    "gunicorn",
    "prometheus_client",
    "pygments",
    "requests",
    "rich",
    "sentry_sdk",
    "unittest",
    "urllib3",
    "wcwidth",
    "yaml",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


def run(script: str, **environment: str) -> str:
    """What the script prints last."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def loaded(home) -> set[str]:
    return set(json.loads(run(LOADED, RETAIL_PULSE_HOME=str(home), DATABASE_URL="")))


@pytest.mark.parametrize("name", HEAVY)
def test_a_check_with_every_url_does_not_load(loaded, name):
    assert "api.v1.urls" in loaded
    assert not {module for module in loaded if module == name or module.startswith(f"{name}.")}


def test_a_check_of_the_embedded_database_starts_no_server(loaded, home):
    assert not (home / "postgres").exists()


def test_what_the_framework_does_without_can_be_imported_all_the_same(loaded):
    assert "yaml" not in loaded, "it was imported afterwards"


@pytest.mark.django_db
def test_serve_loads_no_page_and_no_endpoint_before_its_engine():
    parameters = connection.get_connection_params()
    url = f"postgresql://{parameters['user']}@/{parameters['dbname']}?host={quote(parameters['host'], safe='')}"
    loaded = set(json.loads(run(LOADED_BY_SERVE, DATABASE_URL=f"{url}&port={parameters['port']}")))
    assert "jobs.models" in loaded
    assert not loaded & {"api.v1.urls", "api.middleware", "dashboard.urls", "retail_pulse.urls", *HEAVY} - {"gunicorn"}
