"""One version number, wherever it is shown."""

import subprocess
import tomllib

import pytest
from django.conf import settings

from jobs.imaging.transport import HEADERS
from retail_pulse.version import VERSION, _read
from tests import ROOT


def test_it_is_the_one_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION
    assert HEADERS["User-Agent"] == f"{project['name']}/{VERSION}"


def test_run_says_it_without_an_environment(tmp_path):
    for name in ("run", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    said = subprocess.run(["sh", tmp_path / "run", "version"], capture_output=True, text=True, check=True)
    assert (said.stdout, said.stderr) == (f"{VERSION}\n", "")
    assert not (tmp_path / ".venv").exists()


@pytest.mark.django_db
def test_the_openapi_document_says_it(client):
    assert client.get("/api/v1/openapi.json").json()["info"]["version"] == VERSION
    assert settings.SPECTACULAR_SETTINGS["VERSION"] == VERSION


def test_a_project_without_a_version_is_refused(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    with pytest.raises(ValueError, match="names no version"):
        _read(tmp_path / "pyproject.toml")
