"""Does every process of a real service say how it is doing, in the metrics that dashboard and alerts ask for?"""

import json
import os
import re
import shutil
import signal
import subprocess

import pytest
import requests
import yaml
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.accounting import family
from demo.service import free_port
from proofs.world.logs import read_log
from retail_pulse import request_ids
from tests import ROOT
from tests.end_to_end.conftest import Deployment
from tests.waiting import wait_for

DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboards/retail-pulse.json").read_text())
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
PANELS = {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", [])
}
RULES = {rule["alert"]: rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]}
# What Prometheus itself says of those whom it asks.
PROMETHEUS_OWN = {"up"}
# Only where a broker hands out the work.
BROKERS = {"retail_pulse_broker_up", "retail_pulse_shifts_total"}


def get(url, **headers):
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, headers=headers, timeout=10)


def samples(text):
    """The names of all samples, each with the labels that one of them has."""
    found = {}
    for metric in text_string_to_metric_families(text):
        for sample in metric.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


@pytest.fixture(scope="module")
def world(migrated_database, tmp_path_factory, images):
    """A server without an engine and a worker, each with a port for its metrics, when a job of theirs has ended."""
    deployment = Deployment(tmp_path_factory.mktemp("telemetry"), migrated_database())
    web, work = free_port(), free_port()
    try:
        with deployment.service(ENGINE_AUTOSTART="off", METRICS_PORT=str(web)) as service:
            deployment.start("work", METRICS_PORT=str(work), LOG_FILE="retail-pulse.log")
            urls = [f"{images.url}/{images.names[0]}", f"{images.url}/missing"]
            body = {"count": 1, "visits": [{"store_id": "RP00001", "image_url": urls, "visit_time": "2026-11-27"}]}
            body["visits"][0]["store_id"] = deployment.scalar("SELECT min(store_id) FROM stores_store")
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(f"{service.url}/api/submit/", json=body, headers={"X-Request-Id": "r-1"})
            deployment.wait_for("SELECT status <> 'ongoing' FROM jobs_job")
            yield deployment, service, answer, f"http://127.0.0.1:{web}", f"http://127.0.0.1:{work}"
    finally:
        deployment.end()


@pytest.fixture(scope="module")
def served(world):
    """The samples of both processes, once the worker has recorded a failure."""

    def recorded():
        text = get(f"{world[4]}/metrics").text
        return text if "attempts_failed_total{" in text else ""

    found = samples(wait_for(recorded))
    for name, labels in samples(get(f"{world[3]}/metrics").text).items():
        found.setdefault(name, []).extend(labels)
    return found


def test_both_kinds_of_process_answer_probes_and_metrics(world):
    for url in world[3:]:
        for path in ("/livez", "/readyz", "/startupz"):
            assert wait_for(lambda url=url, path=path: get(url + path).status_code == 200)
        assert "retail_pulse_database_up 1.0" in get(f"{url}/metrics").text
    assert get(f"{world[1].url}/startupz").json() == {"status": "started"}


def test_only_a_process_with_an_engine_has_slots(world):
    web, work = (get(f"{url}/metrics").text for url in world[3:])
    assert 'retail_pulse_slots{state="free"} 8.0' in work
    assert "retail_pulse_slots{" not in web
    assert "retail_pulse_workers 1.0" in web


def test_by_default_no_other_address_of_the_machine_answers(world):
    for url in world[3:]:
        with pytest.raises(requests.ConnectionError):
            get(url.replace("127.0.0.1", "127.0.0.2") + "/metrics")


def test_the_web_port_has_no_metrics(world):
    assert get(f"{world[1].url}/metrics").status_code == 404


@pytest.mark.parametrize("expression", [*PANELS.values(), *RULES.values()], ids=[*PANELS, *RULES])
def test_every_query_finds_its_metrics(served, expression):
    queried = re.findall(r"\b((?:retail_pulse|process)_\w+|up)\b(?:\{([^}]*)\})?", expression)
    assert queried
    for name, selector in queried:
        if name in PROMETHEUS_OWN or name in BROKERS:
            continue
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', selector))
        wanted.pop("job", None)  # Prometheus's own
        assert any(wanted.items() <= labels.items() for labels in served[name]), (name, wanted)
    for label in re.findall(r"by \(([\w, ]+)\)", expression):
        names = [name for name, _ in queried if name not in BROKERS]
        assert all(label in labels for name in names for labels in served[name])


def test_the_brokers_metrics_are_named_as_queries_have_them(settings, monkeypatch):
    from jobs.engine import metrics

    monkeypatch.setattr(metrics.BROKER, "is_up", lambda: True)
    metrics.PrometheusMeter().shifts("begun")
    found = samples(generate_latest(REGISTRY).decode())
    assert found.keys() >= BROKERS
    assert found["retail_pulse_shifts_total"][0].keys() == {"what"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool on this machine")
def test_every_query_of_the_dashboard_is_one_that_prometheus_understands(tmp_path):
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, expression in enumerate(PANELS.values())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_series_names_a_url_or_a_host_of_images(world):
    text = get(f"{world[4]}/metrics").text
    assert "127.0.0.1" not in text
    assert "://" not in text


def test_an_answers_id_leads_to_the_engines_lines_of_its_job(world):
    deployment, _, answer, *_ = world
    assert (answer.status_code, answer.headers[request_ids.HEADER]) == (201, "r-1")

    def lines():
        of_request = [
            line for line in read_log(deployment.home / "retail-pulse.log") if line.get("request_id") == "r-1"
        ]
        return {(line["event"], line.get("job")): line["process.pid"] for line in of_request}

    job = answer.json()["job_id"]
    expected = {("job submitted", job), ("attempt failed", job), ("job finished", job)}
    found = wait_for(lambda: (seen := lines()).keys() >= expected and seen)
    assert found["job submitted", job] != found["job finished", job] == found["attempt failed", job]


def test_the_process_that_replaces_a_killed_one_takes_the_port_over(world):
    _, service, _, web, _ = world
    master, killed = family(service.pid)
    os.kill(killed, signal.SIGKILL)
    answers = wait_for(lambda: is_another_up(master, killed) and is_answering(f"{web}/livez"))
    assert answers
    assert "retail_pulse_images_total" in get(f"{web}/metrics").text


def is_another_up(master, killed):
    return {*family(master)} - {master, killed}


def is_answering(url):
    try:
        return get(url).status_code == 200
    except requests.RequestException:
        return False
