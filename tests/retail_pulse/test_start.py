"""Does a process load only what it needs? Every import is waited for at each start, and after each crash."""

import json
import os
import subprocess
import sys

import pytest

from tests import ROOT

# Prints the names of the modules that were loaded by a management command.
LOADED = """
import json, sys
import manage
sys.argv = ["manage.py", "check"]
manage.main()
print(json.dumps(sorted(sys.modules)))
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
    "pygments",
    "requests",
    "rich",
    "unittest",
    "urllib3",
    "wcwidth",
    "yaml",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def loaded(home) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=ROOT,
        env={**os.environ, "RETAIL_PULSE_HOME": str(home), "DATABASE_URL": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", HEAVY)
def test_a_check_with_every_url_does_not_load(loaded, name):
    assert "api.v1.urls" in loaded
    assert not {module for module in loaded if module == name or module.startswith(f"{name}.")}


def test_a_check_of_the_embedded_database_starts_no_server(loaded, home):
    assert not (home / "postgres").exists()


def test_what_the_framework_does_without_can_be_imported_all_the_same():
    done = subprocess.run(
        [sys.executable, "-c", "import django; django.setup(); import requests, uritemplate, yaml, pygments"],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
