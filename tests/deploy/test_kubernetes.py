"""Is what `deploy/kubernetes/` renders valid, and does it agree with the image, the settings and the tables?"""

import ipaddress
from typing import Any

import kubernetes_validate
import psycopg
import pytest
from django.core.management import get_commands
from django.db import connection
from psycopg import sql

from jobs.states import ImageState
from tests import ROOT
from tests.deploy.kubernetes import KUBECTL, OVERLAYS, of_kind, only_container, pods, rendered, variables
from tests.factories import submit_job
from tests.retail_pulse.settings_tables import DEFAULTS

pytestmark = pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl on this machine")

SECRETS = {"SECRET_KEY", "DATABASE_URL", "CACHE_URL"}
# KEDA's own kinds, which Kubernetes' schemas do not know.
KEDA = "keda.sh/v1alpha1"
of_both = pytest.mark.parametrize("overlay", OVERLAYS)


@of_both
def test_every_object_is_valid_and_has_no_field_too_many(overlay):
    kinds = [each["kind"] for each in rendered(overlay) if each["apiVersion"] != KEDA]
    assert {"Namespace", "Deployment", "Job", "Service", "NetworkPolicy", "PodDisruptionBudget"} <= set(kinds)
    for each in rendered(overlay):
        if each["apiVersion"] != KEDA:
            kubernetes_validate.validate(each, "1.32", strict=True)


@of_both
def test_nothing_runs_as_root_or_writes_outside_of_a_folder_on_disk(overlay):
    for name, template in pods(overlay):
        security, spec = only_container(template)["securityContext"], template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] == 10001, name
        assert spec["automountServiceAccountToken"] is False, name
        assert security == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        (volume,) = spec["volumes"]
        assert "medium" not in volume["emptyDir"], name
        assert only_container(template)["volumeMounts"] == [{"name": volume["name"], "mountPath": "/tmp"}]


@of_both
def test_what_is_stopped_has_longer_than_it_takes(overlay):
    for name, each in of_kind(overlay, "Deployment").items():
        template = each["spec"]["template"]
        container = only_container(template)
        hook = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
        drain = int(variables(overlay, template)["SHUTDOWN_SECONDS"])
        assert hook[0] == "sleep"
        assert template["spec"]["terminationGracePeriodSeconds"] == int(hook[1]) + drain + 15, name
        # In exec form: a shell in front would keep the signal to itself.
        assert container["command"][:2] == ["python", "manage.py"]
        assert container["command"][2] in get_commands()


@of_both
def test_every_variable_is_a_setting_and_no_secret_stands_in_a_file(overlay):
    for _, template in pods(overlay):
        names = set(variables(overlay, template))
        assert names <= set(DEFAULTS) | {"METRICS_HOST", "METRICS_PORT"}
        assert not names & SECRETS
        assert {"secretRef": {"name": "retail-pulse"}} in only_container(template)["envFrom"]
    assert not of_kind(overlay, "Secret")


@of_both
def test_probes_ask_what_the_process_answers(overlay):
    for name, each in of_kind(overlay, "Deployment").items():
        container = only_container(each["spec"]["template"])
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        probes = {kind: container[kind]["httpGet"] for kind in container if kind.endswith("Probe")}
        assert probes["livenessProbe"]["path"] == "/livez"
        assert {probe["port"] for probe in probes.values()} == {"http" if "http" in ports else "metrics"}, name
        assert str(ports["metrics"]) == variables(overlay, each["spec"]["template"])["METRICS_PORT"]
    assert only_container(of_kind(overlay, "Deployment")["web"]["spec"]["template"])["readinessProbe"]["httpGet"] == {
        "path": "/readyz",
        "port": "http",
    }


@of_both
def test_what_selects_pods_selects_some(overlay):
    labels = [template["metadata"]["labels"] for _, template in pods(overlay)]
    deployments = of_kind(overlay, "Deployment")
    budgets = of_kind(overlay, "PodDisruptionBudget")
    assert set(budgets) == set(deployments)
    selectors = [each["spec"]["selector"] for each in of_kind(overlay, "Service").values()]
    selectors += [each["spec"]["selector"]["matchLabels"] for each in [*deployments.values(), *budgets.values()]]
    selectors += [
        each["spec"]["podSelector"].get("matchLabels", {}) for each in of_kind(overlay, "NetworkPolicy").values()
    ]
    for each in deployments.values():
        for spread in each["spec"]["template"]["spec"]["topologySpreadConstraints"]:
            selectors.append(spread["labelSelector"]["matchLabels"])
    for selector in selectors:
        assert any(selector.items() <= each.items() for each in labels), selector
    assert all(budget["spec"]["maxUnavailable"] == 1 for budget in budgets.values())


@pytest.mark.parametrize(("overlay", "downloads"), [("one-machine", {"web"}), ("many-workers", {"worker"})])
def test_only_those_who_download_reach_the_outside_and_no_private_address_of_it(overlay, downloads):
    policies = of_kind(overlay, "NetworkPolicy")
    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (names,) = policies["names"]["spec"]["egress"]
    assert names["to"][0]["podSelector"]["matchLabels"] == {"k8s-app": "kube-dns"}
    selector = policies["downloads"]["spec"]["podSelector"]["matchLabels"]
    chosen = {name for name, each in pods(overlay) if selector.items() <= each["metadata"]["labels"].items()}
    assert chosen == downloads
    (rule,) = policies["downloads"]["spec"]["egress"]
    assert {port["port"] for port in rule["ports"]} == {80, 443}
    for address in ("10.1.2.3", "169.254.169.254", "172.20.0.1", "192.168.1.1", "127.0.0.1", "100.64.0.1", "fd00::1"):
        assert not is_allowed(address, rule["to"]), address
    for address in ("93.184.216.34", "2606:2800:220:1::1"):
        assert is_allowed(address, rule["to"]), address


def is_allowed(text: str, peers: list[dict[str, Any]]) -> bool:
    address = ipaddress.ip_address(text)
    return any(
        address in ipaddress.ip_network(peer["ipBlock"]["cidr"])
        and not any(address in ipaddress.ip_network(cidr) for cidr in peer["ipBlock"]["except"])
        for peer in peers
    )


def test_web_pods_leave_the_work_to_the_workers():
    web = of_kind("many-workers", "Deployment")["web"]["spec"]["template"]
    assert variables("many-workers", web)["ENGINE_AUTOSTART"] == "off"
    assert "replicas" not in of_kind("many-workers", "Deployment")["worker"]["spec"]


# --- KEDA's question


@pytest.fixture
def reader(transactional_db):
    """A connection of the role that reader.sql makes."""
    script = (ROOT / "deploy/kubernetes/many-workers/reader.sql").read_text()
    statements = "\n".join(line for line in script.splitlines() if not line.startswith("--"))
    with connection.cursor() as cursor:
        cursor.execute(statements.replace(":'password'", "'secret'"))
    parameters = {name: value for name, value in connection.get_connection_params().items() if name != "pool"}
    with psycopg.connect(**parameters, autocommit=True) as reader:
        reader.execute("SET ROLE retail_pulse_reader")
        yield reader
    with connection.cursor() as cursor:
        cursor.execute("DROP OWNED BY retail_pulse_reader; DROP ROLE retail_pulse_reader")


def trigger() -> dict[str, Any]:
    scaled = of_kind("many-workers", "ScaledObject")["worker"]
    assert scaled["spec"]["scaleTargetRef"]["name"] in of_kind("many-workers", "Deployment")
    (found,) = scaled["spec"]["triggers"]
    assert found["authenticationRef"]["name"] in of_kind("many-workers", "TriggerAuthentication")
    return dict(found["metadata"])


def test_workers_are_scaled_by_images_that_are_ready_or_running(reader):
    job = submit_job(8)
    images = job.images.order_by("pk")
    moved = [image.pk for image in images]
    images.filter(pk__in=moved[:2]).update(state=ImageState.RUNNING, claimed_by=1, claimed_at="2026-11-27T00:00Z")
    images.filter(pk=moved[2]).update(held=True)
    images.filter(pk=moved[3]).update(run_after="2099-01-01T00:00Z")
    images.filter(pk=moved[4]).update(waits_for="slow.example")
    assert reader.execute(sql.SQL(trigger()["query"])).fetchone() == (5,)


def test_the_reader_sees_neither_urls_nor_results_and_writes_nothing(reader):
    for statement in ("SELECT url FROM jobs_imageresult", "SELECT * FROM jobs_job", "DELETE FROM jobs_imageresult"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(statement)


def test_the_count_stops_where_more_workers_are_not_allowed():
    most = of_kind("many-workers", "ScaledObject")["worker"]["spec"]["maxReplicaCount"]
    assert f"LIMIT {most * int(trigger()['targetQueryValue'])})" in trigger()["query"]
