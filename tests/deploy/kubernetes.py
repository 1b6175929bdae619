"""What kubectl makes of `deploy/kubernetes/`."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml

from tests import ROOT

KUBECTL = shutil.which("kubectl")
OVERLAYS = ("one-machine", "many-workers")


@cache
def rendered(overlay: str) -> list[dict[str, Any]]:
    """Every object of an overlay."""
    assert KUBECTL is not None
    folder = ROOT / "deploy" / "kubernetes" / overlay
    done = subprocess.run([KUBECTL, "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def of_kind(overlay: str, kind: str) -> dict[str, dict[str, Any]]:
    """The objects of one kind, by name."""
    return {each["metadata"]["name"]: each for each in rendered(overlay) if each["kind"] == kind}


def pods(overlay: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and the pod's template of everything that runs."""
    for kind in ("Deployment", "Job"):
        for name, each in of_kind(overlay, kind).items():
            yield name, each["spec"]["template"]


def only_container(template: dict[str, Any]) -> dict[str, Any]:
    (container,) = template["spec"]["containers"]
    return dict(container)


def variables(overlay: str, template: dict[str, Any]) -> dict[str, str]:
    """The variables of a pod that are not secret."""
    container = only_container(template)
    found: dict[str, str] = {}
    maps = of_kind(overlay, "ConfigMap")
    for source in container["envFrom"]:
        if "configMapRef" in source:
            found |= maps[source["configMapRef"]["name"]]["data"]
    return found | {each["name"]: each["value"] for each in container.get("env", [])}
