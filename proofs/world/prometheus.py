"""A real Prometheus with the project's own configuration and alerts, in a hurry."""

import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import yaml

from proofs.report import CannotProve
from proofs.world.cluster import CHECKOUT
from proofs.world.ports import free_port

DEPLOYED = CHECKOUT / "deploy" / "prometheus"
# Instead of a quarter of a minute between two looks, and of minutes for which something must be wrong. A process waits
# up to 2 seconds for its database.
SCRAPE, EVALUATE, WRONG_FOR = "3s", "1s", "2s"
STOP_SECONDS = 10.0


def configuration(folder: Path, targets: Mapping[str, int]) -> Path:
    """Write deploy/prometheus into `folder`, in a hurry, for processes by name and port of 127.0.0.1."""
    config = yaml.safe_load((DEPLOYED / "prometheus.yml").read_text())
    alerts = yaml.safe_load((DEPLOYED / "alerts.yml").read_text())
    config["global"] |= {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": EVALUATE}
    (job,) = config["scrape_configs"]
    del job["dns_sd_configs"]
    job["static_configs"] = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"instance": name}} for name, port in targets.items()
    ]
    for group in alerts["groups"]:
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = WRONG_FOR
    (folder / "alerts.yml").write_text(yaml.safe_dump(alerts))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    return folder / "prometheus.yml"


class Prometheus:
    """Runs while the block does, on a port of 127.0.0.1. Raises CannotProve where none is installed."""

    def __init__(self, folder: Path, targets: Mapping[str, int]) -> None:
        program = shutil.which("prometheus")
        if program is None:
            raise CannotProve("Prometheus is not installed; on Debian: apt-get install prometheus.")
        folder.mkdir()
        self._program = program
        self._folder = folder
        self._config = configuration(folder, targets)
        self._port = free_port()
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Self:
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [
                    self._program,
                    f"--config.file={self._config}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What it finds for the expression; nothing while it does not answer."""
        return list(self._ask("query", query=expression).get("result", []))

    def value(self, expression: str) -> float | None:
        """The one number that it finds."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if len(found) == 1 else None

    def alerts(self) -> set[str]:
        """The names of those that fire."""
        found = self._ask("alerts").get("alerts", [])
        return {alert["labels"]["alertname"] for alert in found if alert["state"] == "firing"}

    def _ask(self, path: str, **parameters: str) -> dict[str, Any]:
        try:
            answer = self._session.get(f"http://127.0.0.1:{self._port}/api/v1/{path}", params=parameters, timeout=10)
        except requests.RequestException:
            return {}
        found: dict[str, Any] = answer.json().get("data", {}) if answer.ok else {}
        return found
