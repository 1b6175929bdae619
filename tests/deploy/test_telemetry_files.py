"""Do the files of deploy/ agree with each other, with compose, and with what the service serves and logs?

That a real Prometheus takes them, scrapes the service and fires an alert is `./run proof telemetry`; that every panel
shows something, tests/end_to_end/test_telemetry.py.
"""

import json
import logging
import re
import shutil
import subprocess
from datetime import datetime

import pytest
import yaml

from retail_pulse.logs.formatters import JSONLine
from tests import ROOT

DEPLOY = ROOT / "deploy"
PROMETHEUS, GRAFANA = DEPLOY / "prometheus", DEPLOY / "grafana"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

with_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool on this machine")


def load(path):
    return yaml.safe_load((DEPLOY / path).read_text())


def alerts():
    return [rule for group in load("prometheus/alerts.yml")["groups"] for rule in group["rules"]]


@with_promtool
@pytest.mark.parametrize("check", [["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]])
def test_promtool_takes_the_configuration_and_the_alerts_do_what_their_tests_say(check):
    done = subprocess.run(["promtool", *check], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tried_and_says_what_to_do():
    tried = (PROMETHEUS / "alerts_test.yml").read_text()
    for alert in alerts():
        assert alert["alert"] in tried
        assert alert["labels"]["severity"] in ("critical", "warning", "info")
        assert re.fullmatch(r".+\.", alert["annotations"]["summary"])
        assert re.fullmatch(r".+\.", alert["annotations"]["description"])


def test_prometheus_asks_the_processes_of_compose_on_their_port():
    (job,) = load("prometheus/prometheus.yml")["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert job["job_name"] == "retail-pulse"  # by which alerts and panels choose
    assert str(found["port"]) == COMPOSE["web"]["environment"]["METRICS_PORT"]
    assert "web" in found["names"]


def test_prometheus_waits_longer_than_a_process_for_its_database():
    from retail_pulse.telemetry.collectors import DATABASE_SECONDS

    seconds = re.fullmatch(r"(\d+)s", load("prometheus/prometheus.yml")["global"]["scrape_timeout"])
    assert seconds is not None
    assert int(seconds[1]) > 2 * DATABASE_SECONDS


def test_grafana_finds_its_dashboard_and_prometheus():
    (source,) = load("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    (provider,) = load("grafana/provisioning/dashboards/retail-pulse.yml")["providers"]
    mounts = dict(each.split(":")[:2] for each in COMPOSE["grafana"]["volumes"])
    assert source["url"] == "http://prometheus:9090"
    assert provider["options"]["path"] == mounts["./deploy/grafana/dashboards"]
    assert "./deploy/grafana/provisioning" in mounts
    home = COMPOSE["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (GRAFANA / "dashboards" / home.rpartition("/")[2]).exists()
    dashboard = json.loads((GRAFANA / "dashboards" / "retail-pulse.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {source["uid"]}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert len({panel["title"] for panel in panels}) == len(panels)


def test_fluent_bit_reads_the_lines_as_they_are_written():
    config = load("fluent-bit/fluent-bit.yaml")
    (parser,), (tail,), (output,) = config["parsers"], config["pipeline"]["inputs"], config["pipeline"]["outputs"]
    line = json.loads(JSONLine().format(logging.makeLogRecord({"msg": "x", "created": 1.25})))
    assert (tail["parser"], output["match"]) == (parser["name"], tail["tag"])
    assert tail["path"].endswith("/retail-pulse.log")
    assert parser["format"] == "json"
    # %L is Fluent Bit's name for milliseconds.
    written = datetime.strptime(line[parser["time_key"]], parser["time_format"].replace("%L", "%f"))
    assert written == datetime(1970, 1, 1, 0, 0, 1, 250_000)
    assert output["time_key"] not in line


def test_fluent_bit_is_given_no_password_in_the_file():
    (output,) = load("fluent-bit/fluent-bit.yaml")["pipeline"]["outputs"]
    assert re.fullmatch(r"\$\{\w+\}", output["http_passwd"])
