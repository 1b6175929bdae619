"""Are requests that the service has really sent verified by Python's reference library, and by one of npm?

With the secret that the API has shown once; in a rotation with either of the two; and not where the body has changed.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import requests
from standardwebhooks import Webhook, WebhookVerificationError

from proofs.report import Report
from proofs.world.jobs import Client, order
from proofs.world.receivers import Behaviour, Heard, Receivers
from proofs.world.service import World

PACKAGE = "standardwebhooks@1"
EVENTS = ["job.started", "job.progress", "job.ended", "image.failed"]
WAIT_SECONDS = 60.0
INSTALL_SECONDS = 120
# Reads `cases` as JSON from standard input, and prints for each whether it is verified.
SCRIPT = """
const { Webhook } = require("standardwebhooks");
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(cases.map(({ secret, headers, body }) => {
  try { new Webhook(secret).verify(body, headers); return true; } catch { return false; }
})));
"""

type Case = tuple[str, str, Heard]
"""What it is, the secret, and the message: the headers of its last request, and its body."""
type Verify = Callable[[list[Case]], list[bool]]


def show_signatures(report: Report, world: World, seed: int) -> None:
    # Before anything is sent: a signature is accepted for five minutes.
    npm = _npm(world.home)
    server = world.server("web")
    server.start()
    _wait(server.is_ready)
    with Receivers(seed) as receivers, requests.Session() as session:
        session.trust_env = False
        api = f"{server.url}/api/v1/webhooks"
        url = receivers.open(Behaviour())

        def heard() -> list[Heard]:
            return list(receivers.heard(url).values())

        made = _post(session, api, {"url": url, "events": EVENTS})
        own = f"{api}/{made['id']}"
        rng = Random(seed)  # noqa: S311 - a job that can be repeated
        Client([server]).submit(order(rng, world.images, "signed", 8, kinds={"gone": 15}), Event())
        _wait(lambda: {"job.ended", "image.failed"} <= {_type(each) for each in heard()})
        before = heard()
        rotated = _post(session, f"{own}/rotate")
        _post(session, f"{own}/test")
        _wait(lambda: any(_type(each) == "webhook.test" for each in heard()))
        (during,) = [each for each in heard() if _type(each) == "webhook.test"]

    right: list[Case] = [(f"{_type(each)}", made["secret"], each) for each in before]
    right += [("in a rotation, by the old secret", made["secret"], during)]
    right += [("in a rotation, by the new secret", rotated["secret"], during)]
    wrong: list[Case] = [("by another secret", rotated["secret"], before[0])]
    wrong += [("with a changed body", made["secret"], _changed(each)) for each in before]
    judge(report, right, wrong, npm)
    signatures = len(during.headers["webhook-signature"].split())
    report.bar("signatures of a request in a rotation", signatures, 2, ok=signatures == 2)


def judge(report: Report, right: list[Case], wrong: list[Case], npm: Verify | None) -> None:
    """A row for each request: those that are right are verified by every library that there is, the others by none."""
    table = report.table("Requests that were sent", "what", "should be", "Python", "npm")
    cases = [(case, "verified") for case in right] + [(case, "refused") for case in wrong]
    of_npm = npm([case for case, _ in cases]) if npm else []
    for number, ((what, secret, heard), expected) in enumerate(cases):
        by_python = _word(_by_python(secret, heard))
        by_npm = _word(of_npm[number]) if npm else "not tried"
        table.add(what, expected, by_python, by_npm, ok=by_python == expected and by_npm in (expected, "not tried"))
    libraries = "Python and npm" if npm else "Python; npm's could not be installed here"
    report.bar("libraries that were asked", libraries, "each agrees on every request", ok=not table.missed)


def _word(is_verified: bool) -> str:
    return "verified" if is_verified else "refused"


def _npm(folder: Path) -> Verify | None:
    """Verifies by npm's package, in a folder of its own; None where npm, Node or the package cannot be had."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return None
    place = folder / "npm"
    place.mkdir()
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(place)]
    installed = subprocess.run(
        [npm, "install", *quiet, PACKAGE], cwd=place, capture_output=True, timeout=INSTALL_SECONDS, check=False
    )
    if installed.returncode:
        return None

    def verify(cases: list[Case]) -> list[bool]:
        given = json.dumps(
            [{"secret": secret, "headers": each.headers, "body": each.bodies[0]} for _, secret, each in cases]
        )
        done = subprocess.run(
            [node, "-e", SCRIPT], cwd=place, input=given, capture_output=True, text=True, timeout=60, check=True
        )
        found: list[bool] = json.loads(done.stdout)
        return found

    return verify


def _by_python(secret: str, heard: Heard) -> bool:
    try:
        Webhook(secret).verify(heard.bodies[0], heard.headers)
    except WebhookVerificationError:
        return False
    return True


def _changed(heard: Heard) -> Heard:
    """With one property more in its body."""
    body = heard.bodies[0].replace('"data":{', '"data":{"more":1,', 1)
    assert body != heard.bodies[0]
    return replace(heard, bodies=[body])


def _type(heard: Heard) -> str:
    return str(json.loads(heard.bodies[0])["type"])


def _post(session: requests.Session, url: str, body: Any = None) -> Any:
    answer = session.post(url, json={} if body is None else body, timeout=WAIT_SECONDS)
    answer.raise_for_status()
    return answer.json()


def _wait(fact: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not fact():
        assert time.monotonic() < until, f"not within {WAIT_SECONDS:g} s"
        time.sleep(0.05)
