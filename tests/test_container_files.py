"""What Dockerfile and docker-compose.yml must agree on with the code; no container is built here."""

import json
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands

from tests import ROOT

SECONDS = {"s": 1, "m": 60}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, continued lines joined."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", "")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def last(name: str) -> str:
    return [argument for instruction, argument in instructions() if instruction == name][-1]


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def services(compose):
    return compose["services"]


def test_the_images_python_is_the_projects():
    wanted = (ROOT / ".python-version").read_text().strip()
    images = [argument.split()[0] for name, argument in instructions() if name == "FROM"]
    assert images == [f"python:{wanted}-slim"] * 2


def test_the_service_does_not_run_as_root():
    uid, _, gid = last("USER").partition(":")
    assert int(uid) >= 10_000
    assert int(gid) >= 10_000
    # A new volume takes over the owner of the directory in the image.
    assert f"--owner {uid} --group {gid} --mode 0700 /var/lib/retail-pulse" in (ROOT / "Dockerfile").read_text()
    assert "RETAIL_PULSE_HOME=/var/lib/retail-pulse" in last("ENV")


ASKED_FOR = ("onnx", "ocr", "parquet")


def test_what_few_need_is_installed_where_it_is_asked_for(compose):
    assert ("ARG", 'EXTRAS=""') in instructions()
    (install,) = [argument for name, argument in instructions() if name == "RUN" and "uv pip install" in argument]
    assert '$(for extra in $EXTRAS; do echo "--extra $extra"; done)' in install
    assert compose["x-app"]["build"]["args"] == {"EXTRAS": "${EXTRAS:-}"}


def test_the_two_locks_name_no_different_versions_of_a_package():
    versions = {}
    for lock in ("requirements.lock", "requirements-ocr.lock"):
        for package, version in re.findall(r"^([\w.-]+)==([^ ;]+)", (ROOT / lock).read_text(), re.MULTILINE):
            versions.setdefault(package, set()).add(version)
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


def test_only_what_runs_is_installed_and_each_package_is_checked_by_its_hash():
    (install,) = [argument for name, argument in instructions() if name == "RUN" and "uv pip install" in argument]
    assert "--require-hashes --requirement pyproject.toml" in install
    assert "--group" not in install
    locks = re.findall(r"--constraints (\S+)", install)
    assert locks == ["requirements.lock", "requirements-ocr.lock"]
    locked = {
        package for lock in locks for package in re.findall(r"^([\w.-]+)==", (ROOT / lock).read_text(), re.MULTILINE)
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    # All but the database that comes along, since there is one in another container, and Google's buckets, which few
    # need: an image of one's own adds them. Others are asked for.
    extras = {*re.findall(r"--extra (\w+)", install), *ASKED_FOR}
    assert extras == set(project["optional-dependencies"]) - {"embedded", "gcs"}
    named = sum((project["optional-dependencies"][extra] for extra in extras), project["dependencies"])
    assert {re.split(r"[\[<>=]", requirement)[0] for requirement in named} <= locked


def test_every_app_of_this_project_is_copied():
    copied = {argument.split()[0] for name, argument in instructions() if name == "COPY"}
    assert {app for app in settings.INSTALLED_APPS if (ROOT / app).is_dir()} <= copied


def test_everything_that_the_image_copies_exists_and_passes_the_ignore_file():
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = {
        source
        for name, argument in instructions()
        if name == "COPY" and not argument.startswith("--from")
        for source in argument.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)
    for secret in (".env", ".retail-pulse", ".git", "tests"):
        assert not any(fnmatch(secret, rule) for rule in allowed)


def test_every_command_is_one_of_the_projects(services):
    texts = [
        " ".join(json.loads(last("CMD"))),
        *(" ".join(service.get("command", [])) for service in services.values()),
    ]
    commands = [command for text in texts for command in re.findall(r"python manage\.py (\w+)", text)]
    assert commands == ["serve", "migrate", "import_stores", "work"]
    assert set(commands) <= set(get_commands())


class Probed(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


def probe(port: int) -> int:
    """The exit code of the image's own health check, asked at `port`."""
    program, *arguments = json.loads(last("HEALTHCHECK").split("CMD", 1)[1])
    assert (program, arguments[0]) == ("python", "-c")
    code = arguments[1].replace("8000", str(port))
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, timeout=30, check=False)
    return done.returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_the_health_check_passes_only_where_the_service_is_ready(status, code):
    handler = type("Handler", (Probed,), {"status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert probe(server.server_port) == code
        thread.join()


def test_the_health_check_fails_where_nobody_listens():
    with HTTPServer(("127.0.0.1", 0), Probed) as server:
        port = server.server_port
    assert probe(port) == 1


def test_the_containers_port_is_the_servers_own(services):
    assert last("EXPOSE") == "8000"
    assert "--port" not in last("CMD")
    assert services["web"]["ports"] == ["127.0.0.1:8000:8000"]


def test_an_open_api_is_published_to_this_machine_alone(services):
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("name", ["web", "worker"])
def test_compose_waits_longer_for_a_process_than_it_takes_to_drain(services, name):
    from retail_pulse import gunicorn  # not at the top: it is gunicorn's configuration, made from the settings

    grace = re.fullmatch(r"(\d+)([sm])", services[name]["stop_grace_period"])
    assert grace is not None
    assert int(grace[1]) * SECONDS[grace[2]] > gunicorn.graceful_timeout
    assert services["worker"]["stop_grace_period"] == services["web"]["stop_grace_period"]


def test_celery_is_a_profile_that_nothing_else_waits_for(services):
    assert {name for name, service in services.items() if service.get("profiles") == ["scale"]} == {"worker", "broker"}
    for service in services.values():
        assert "broker" not in service.get("depends_on", {})
    for name in ("web", "worker"):
        ours = services[name]["environment"]
        assert ours["BROKER_URL"] == "amqp://guest:guest@broker:5672//"
        assert (ours["ENGINE"], ours["ENGINE_AUTOSTART"]) == ("${ENGINE:-threads}", "${ENGINE_AUTOSTART:-auto}")
    # Its user is known to everyone, so that nobody but this file's services may reach it.
    assert "ports" not in services["broker"]


def test_a_profile_adds_workers_and_changes_nothing_else(services):
    assert services["worker"]["profiles"] == ["scale"]
    assert services["worker"]["depends_on"] == services["web"]["depends_on"]
    assert {name for name, service in services.items() if "profiles" not in service} == {"db", "setup", "web"}
    # The image's health check asks the web server, which a worker is not; its metrics port answers the probes, too.
    check = services["worker"]["healthcheck"]["test"][-1]
    assert f"127.0.0.1:{services['worker']['environment']['METRICS_PORT']}/livez" in check


def test_the_web_service_starts_on_a_ready_and_migrated_database(services):
    assert services["db"]["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]
    assert services["setup"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert services["worker"]["depends_on"] == services["web"]["depends_on"]
    assert services["web"]["depends_on"] == {
        "db": {"condition": "service_healthy"},
        "setup": {"condition": "service_completed_successfully"},
    }
    assert shlex.split(services["setup"]["command"][2])[:3] == ["python", "manage.py", "migrate"]


def test_the_database_is_reached_by_its_socket_and_by_nothing_else(services):
    assert services["db"]["network_mode"] == "none"
    assert "ports" not in services["db"]
    assert "database-socket:/var/run/postgresql" in services["db"]["volumes"]
    for name in ("setup", "web", "worker"):
        assert "database-socket:/run/postgresql" in services[name]["volumes"]
        assert services[name]["environment"]["DATABASE_URL"].endswith("?host=/run/postgresql")


def test_no_password_or_key_stands_in_the_files():
    for name in ("Dockerfile", "docker-compose.yml"):
        assert not re.search(r"PASSWORD|SECRET_KEY", (ROOT / name).read_text())


@pytest.mark.parametrize("name", ["setup", "web", "worker"])
def test_the_services_write_to_their_state_and_nothing_else(services, name):
    service = services[name]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "state:/var/lib/retail-pulse" in service["volumes"]


@pytest.mark.parametrize("name", ["setup", "web", "worker"])
def test_temporary_files_are_on_disk(services, name):
    service = services[name]
    directory = service["environment"]["TMPDIR"]
    assert f"temporary:{directory}" in service["volumes"]
    assert directory not in service["tmpfs"]
    # A new volume takes over the mode of the image's directory: everyone may write to this one.
    assert directory == "/var/tmp"
    # Nothing says otherwise for uploads: Python's own choice, TMPDIR, is the directory of both.
    assert settings.FILE_UPLOAD_TEMP_DIR is None


def test_the_samples_are_only_imported_into_an_empty_store_master(services):
    words = shlex.split(services["setup"]["command"][2])
    assert words[words.index("import_stores") :] == ["import_stores", "fixtures/stores.csv", "--if-empty"]


def test_every_volume_is_declared(compose, services):
    used = {volume.split(":")[0] for service in services.values() for volume in service["volumes"]}
    assert {name for name in used if not name.startswith("./")} == set(compose["volumes"])


def test_what_is_mounted_from_the_checkout_exists_and_is_only_read(services):
    mounted = [each for service in services.values() for each in service["volumes"] if each.startswith("./")]
    assert mounted
    for source, _, mode in (each.split(":") for each in mounted):
        assert (ROOT / source).is_dir()
        assert mode == "ro"


def test_who_watches_is_no_part_of_the_service_unless_asked_for(services):
    watching = {name for name, service in services.items() if "observe" in service.get("profiles", [])}
    assert watching == {"prometheus", "grafana"}
    for name in watching:
        service = services[name]
        assert re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", service["image"])
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_metrics_are_served_to_the_network_of_the_file_and_not_published(services):
    port = services["web"]["environment"]["METRICS_PORT"]
    assert services["web"]["environment"]["METRICS_HOST"] == "0.0.0.0"
    assert not any(port in published for service in services.values() for published in service.get("ports", []))
