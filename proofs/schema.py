"""The API does what its OpenAPI document says: schemathesis sends every operation valid and invalid requests.

Over real sockets against a real server process, with an API key of a superuser: no answer 5xx, none with a status, a
header, a content type or a body that the document does not describe, no invalid data accepted. Nothing is fetched: the
engine is off. Event streams are left out, because they do not end by themselves.
"""

import argparse
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from proofs.report import CannotProve, Report
from proofs.world.processes import Server
from proofs.world.service import World

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
)
LEAST_OPERATIONS = 25
START_SECONDS = 60.0
_KEY = re.compile(r"rp_[0-9a-f]{12}_[0-9a-f]{64}")
_GENERATED = re.compile(r"([0-9,]+) generated")


@dataclass(frozen=True, slots=True)
class Operation:
    """The result of one operation: `failures` is empty where all was as documented."""

    name: str
    failures: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--examples", type=int, default=100, help="at most, of one operation (default: 100)")
    parser.add_argument("--seed", type=int, default=20260101, help="draws the requests (default: 20260101)")


def prove(options: argparse.Namespace) -> Report:
    """Raises CannotProve where schemathesis is not installed."""
    program = Path(sys.executable).with_name("schemathesis")
    if not program.exists():
        raise CannotProve("schemathesis is not installed for this Python; ./run makes an environment that has it.")
    report = Report()
    settings = {"ENGINE_AUTOSTART": "off", "API_RATE_PER_MINUTE": "0", "LOGIN_WINDOW_SECONDS": "86400"}
    with tempfile.TemporaryDirectory(prefix="proof-schema-") as folder, World(Path(folder), **settings) as world:
        key = _make_key(world)
        server = world.server("web")
        _start(server)
        found = Path(folder) / "found.xml"
        output = _ask(program, server.port, key, found, options)
        operations = list(_read(found)) if found.exists() else []
        _judge(report, operations, output)
    return report


def _make_key(world: World) -> str:
    """An API key with every scope, of a superuser."""
    password = {"DJANGO_SUPERUSER_PASSWORD": secrets.token_hex()}
    world.manage("createsuperuser", "--noinput", "--username", "root", "--email", "", **password)
    found = _KEY.search(
        world.manage("create_api_key", "proof", "--user", "root", "--scope", "submit,read,manage,stores")
    )
    assert found is not None
    return found[0]


def _start(server: Server) -> None:
    server.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.is_ready():
        if server.has_ended() or time.monotonic() > deadline:
            raise RuntimeError(f"The server did not start:\n{server.output()}")
        time.sleep(0.05)


def _ask(program: Path, port: int, key: str, found: Path, options: argparse.Namespace) -> str:
    """What schemathesis printed."""
    done = subprocess.run(
        [
            program, "run", f"http://127.0.0.1:{port}/api/v1/openapi.json",
            "--header", f"Authorization: Bearer {key}",
            "--checks", ",".join(CHECKS),
            "--phases", "examples,coverage,fuzzing",
            "--exclude-path-regex", "/events$",
            "--max-examples", str(options.examples),
            "--seed", str(options.seed),
            "--continue-on-failure", "--no-shrink", "--warnings", "off",
            "--report", "junit", "--report-junit-path", found,
        ],
        cwd=found.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )  # fmt: skip
    return done.stdout


def _read(found: Path) -> Iterator[Operation]:
    # The program's own report, of a run of ours.
    for case in ElementTree.parse(found).iter("testcase"):  # noqa: S314 - as above
        failures = [
            problem.get("message") or problem.text or "" for problem in (*case.iter("failure"), *case.iter("error"))
        ]
        yield Operation(case.get("name", ""), failures)


def _judge(report: Report, operations: list[Operation], output: str) -> None:
    table = report.table("Operations", "operation", "what is not as documented")
    for operation in operations:
        text = "; ".join(" ".join(failure.split())[:200] for failure in operation.failures)
        table.add(operation.name, text, ok=not operation.failures)
    wrong = [operation for operation in operations if operation.failures]
    asked = _GENERATED.search(output)
    report.bar("operations", len(operations), f"≥ {LEAST_OPERATIONS}", ok=len(operations) >= LEAST_OPERATIONS)
    report.bar("requests", asked[1] if asked else output[-2000:], "> 0", ok=asked is not None)
    report.bar("operations that differ from the document", len(wrong), 0, ok=not wrong)
