"""What the containers' proof makes of docker-compose.yml and of the machine; nothing is built here."""

import os
import subprocess

import pytest
import yaml

from proofs import containers_compose, containers_podman
from proofs.containers_compose import Profile, other_images, profiles
from proofs.containers_podman import Podman, package_source
from proofs.containers_stand_ins import stand_in
from proofs.report import CannotProve
from tests import ROOT


@pytest.mark.parametrize(
    "text",
    [
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie\n",
        "# a comment\nURIs: http://mirror.example/debian/\n",
    ],
)
def test_the_machines_own_archive_is_found_in_todays_files(tmp_path, text):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(text)
    assert package_source(tmp_path) == "http://mirror.example/debian"


@pytest.mark.parametrize("options", ["", "[signed-by=/key.gpg] "])
def test_the_machines_own_archive_is_found_in_a_list(tmp_path, options):
    (tmp_path / "sources.list").write_text(f"deb {options}http://mirror.example/debian bookworm main\n")
    assert package_source(tmp_path) == "http://mirror.example/debian"


def test_a_machine_without_an_archive_cannot_prove_it(tmp_path):
    with pytest.raises(CannotProve, match="no Debian archive"):
        package_source(tmp_path)


def test_missing_programs_are_named_with_the_command_that_installs_them(tmp_path, monkeypatch):
    monkeypatch.setattr(containers_podman, "PROGRAMS", {"sh": "dash", "no-such-program": "its-package"})
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(CannotProve, match=r"apt-get install its-package$"):
        Podman(tmp_path)


def test_without_root_nothing_is_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CannotProve, match="as root"):
        Podman(tmp_path)


@pytest.fixture
def podman(tmp_path, monkeypatch):
    monkeypatch.setattr(containers_podman, "PROGRAMS", {})
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return Podman(tmp_path)


def test_every_profile_runs_the_services_that_compose_would_run(podman):
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert "scale" in profiles()
    for name in profiles():
        profile = Profile(podman, name)
        wanted = {each for each, service in services.items() if name in service.get("profiles", [name])}
        assert set(profile.services) | set(profile.left_out) == wanted
        assert all(stand_in(image) for image in other_images(name))


def test_what_is_changed_of_the_file_is_the_port_and_the_settings_of_the_proof(podman):
    before = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    profile = Profile(podman, "scale", WORKER_THREADS="16")
    after = yaml.safe_load(profile.file.read_text())["services"]
    assert after["web"]["ports"] == [f"{profile.url('web').removeprefix('http://')}:8000"]
    for name, service in after.items():
        for key, value in before[name].items():
            if key not in ("ports", "environment", "profiles", "build", "volumes"):
                assert service[key] == value, (name, key)
        mounted = [volume.replace(str(ROOT), ".") for volume in service.get("volumes", [])]
        assert mounted == before[name].get("volumes", [])
    assert after["worker"]["environment"] == before["worker"]["environment"] | {"WORKER_THREADS": "16"}


def test_services_start_after_those_that_they_depend_on():
    services = {
        "web": {"depends_on": {"setup": {}, "db": {}}},
        "setup": {"depends_on": {"db": {}}},
        "db": {},
    }
    assert containers_compose._in_order(services) == ["db", "setup", "web"]


def test_the_wrapper_reaches_a_storage_of_its_own(podman):
    text = podman.wrapper.read_text()
    assert f"--root {podman.folder}/storage" in text
    assert subprocess.run(["sh", "-n", podman.wrapper], check=False).returncode == 0
