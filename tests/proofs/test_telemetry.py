"""Is the Prometheus of the proof configured as the one that is deployed, but for its pace?"""

import shutil
import subprocess

import pytest
import yaml

from proofs.report import CannotProve
from proofs.world.prometheus import DEPLOYED, WRONG_FOR, Prometheus, configuration


def rules(folder):
    groups = yaml.safe_load((folder / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def test_its_alerts_are_those_that_are_deployed_and_fire_sooner(tmp_path):
    configuration(tmp_path, {"web": 9464})
    ours, deployed = rules(tmp_path), rules(DEPLOYED)
    assert ours.keys() == deployed.keys()
    assert all(rule["expr"] == deployed[name]["expr"] for name, rule in ours.items())
    assert {rule.get("for") for rule in ours.values()} == {WRONG_FOR, None}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool on this machine")
def test_prometheus_takes_its_configuration(tmp_path):
    config = configuration(tmp_path, {"web": 9464, "worker": 9465})
    done = subprocess.run(["promtool", "check", "config", config], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_prometheus_the_proof_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CannotProve, match="apt-get install prometheus"):
        Prometheus(tmp_path / "prometheus", {"web": 9464})
