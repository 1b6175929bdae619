"""Are the units of `deploy/systemd/` valid, and do they agree with the commands and how long those take to stop?"""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from tests import ROOT
from tests.retail_pulse.settings_tables import DEFAULTS

UNITS = sorted((ROOT / "deploy" / "systemd").iterdir())
STAYING = ["retail-pulse-web.service", "retail-pulse-worker@.service"]
of_every_unit = pytest.mark.parametrize("unit", UNITS, ids=[unit.name for unit in UNITS])


def read(unit: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    # systemd's keys are written in capitals.
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit)
    return parser


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze on this machine")
def test_systemd_finds_nothing_wrong(tmp_path):
    for unit in UNITS:
        # The reader's environment is not here; a Python is.
        text = unit.read_text().replace("/opt/retail-pulse/.venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "retail-pulse" in line]
    assert not ours
    (tmp_path / UNITS[0].name).write_text("[Service]\nExecStart=/none\nRestrat=always\n")
    assert "Restrat" in subprocess.run(command, capture_output=True, text=True, check=False).stderr


@of_every_unit
def test_a_unit_runs_a_command_that_knows_its_options(unit):
    program, script, command, *rest = read(unit)["Service"]["ExecStart"].split()
    assert (program, script) == ("/opt/retail-pulse/.venv/bin/python", "manage.py")
    parser = load_command_class(get_commands()[command], command).create_parser("manage.py", command)
    assert parser.parse_args(rest)


@of_every_unit
def test_a_unit_writes_to_its_state_and_nothing_else(unit):
    service = read(unit)["Service"]
    assert service["ProtectSystem"] == "strict"
    assert service["Environment"] == f"RETAIL_PULSE_HOME=/var/lib/{service['StateDirectory']}"
    assert (service["StateDirectoryMode"], service["PrivateTmp"]) == ("0700", "true")
    assert (service["User"], service["NoNewPrivileges"], service["CapabilityBoundingSet"]) == (
        "retail-pulse",
        "true",
        "",
    )


@pytest.mark.parametrize("name", STAYING)
def test_systemd_waits_longer_for_the_service_than_it_takes_to_drain(name):
    service = read(ROOT / "deploy" / "systemd" / name)["Service"]
    assert int(service["TimeoutStopSec"]) > DEFAULTS["SHUTDOWN_SECONDS"] + 5
    # The web server's master and worker would else be signalled both at once.
    assert (service["KillMode"], service["Restart"]) == ("mixed", "always")


@pytest.mark.parametrize("name", STAYING)
def test_what_serves_and_works_starts_after_the_migrations(name):
    unit = read(ROOT / "deploy" / "systemd" / name)["Unit"]
    assert unit["Requires"] == "retail-pulse-migrate.service"
    assert "retail-pulse-migrate.service" in unit["After"].split()


def test_a_worker_may_have_settings_of_its_own_before_which_those_of_all_stand_back():
    """Two processes of a machine cannot have the same METRICS_PORT. A later file overrides an earlier one."""
    lines = (ROOT / "deploy" / "systemd" / "retail-pulse-worker@.service").read_text().splitlines()
    files = [line.removeprefix("EnvironmentFile=") for line in lines if line.startswith("EnvironmentFile=")]
    # Where the second one is missing, systemd goes on.
    assert files == ["/etc/retail-pulse.env", "-/etc/retail-pulse-worker-%i.env"]
    assert "/etc/retail-pulse-worker-1.env" in (ROOT / "docs" / "operations.md").read_text()
