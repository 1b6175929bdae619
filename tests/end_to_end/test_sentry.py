"""What reaches a Sentry of one's own: errors of web, engine and commands, and nothing that a client sent?"""

import gzip
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest
import requests

from tests import ROOT
from tests.conftest import FIXTURES
from tests.end_to_end.conftest import Deployment
from tests.waiting import wait_for

SECRET = "hunter2"


class BrokenModel:
    """A model step whose error repeats what it must not."""

    def infer(self, image, measurement):
        raise ValueError(f"cannot read http://clerk:{SECRET}@photos.test/a.jpg?token={SECRET}\nbody: {SECRET}")


class Sentry:
    """A server that takes envelopes: lines of JSON, of which the last is the event."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.bodies: list[bytes] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                outer.bodies.append(body)
                outer.events.append(json.loads(body.splitlines()[2]))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def dsn(self) -> str:
        return f"http://key@127.0.0.1:{self.server.server_port}/7"

    def wait(self, text: str):
        """The event that holds this text."""
        return wait_for(lambda: next((event for event in self.events if text in json.dumps(event)), None))


@pytest.fixture(scope="module")
def sentry():
    sentry = Sentry()
    with sentry.server:
        threading.Thread(target=sentry.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield sentry
        sentry.server.shutdown()


@pytest.fixture(scope="module")
def service(migrated_database, tmp_path_factory, sentry):
    deployment = Deployment(tmp_path_factory.mktemp("sentry"), migrated_database())
    model = f"{BrokenModel.__module__}.{BrokenModel.__qualname__}"
    with deployment.service(SENTRY_DSN=sentry.dsn, SENTRY_ENVIRONMENT="tests", GPU_STEP=model, MAX_ATTEMPTS="1") as it:
        yield deployment, it
    deployment.end()


def change(deployment, statement):
    with psycopg.connect(deployment.database_url, autocommit=True) as direct:
        direct.execute(statement)


def ask(method, url, **options):
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=20, **options)


def test_an_error_of_the_engine_is_reported_with_the_ids_of_its_image(service, sentry, images):
    deployment, server = service
    store = deployment.scalar("SELECT min(store_id) FROM stores_store")
    url = f"{images.url}/{images.names[0]}?token={SECRET}"
    job = server.submit({"count": 1, "visits": [{"store_id": store, "image_url": [url], "visit_time": SECRET}]})

    event = sentry.wait("model step failed")
    assert (event["level"], event["environment"]) == ("error", "tests")
    assert event["release"].startswith("retail-pulse@")
    assert event["tags"]["job"] == str(job)
    (error,) = event["exception"]["values"]
    assert (error["type"], error["value"]) == ("ValueError", "cannot read http://photos.test/a.jpg?…")
    assert not any("vars" in frame for frame in error["stacktrace"]["frames"])


def test_errors_of_web_and_commands_are_reported_without_what_was_sent(service, sentry):
    deployment, server = service
    change(deployment, "ALTER TABLE stores_store RENAME TO gone")
    try:
        visit = {"store_id": SECRET, "image_url": [f"http://{SECRET}.test/"], "visit_time": SECRET}
        answer = ask(
            "POST",
            f"{server.url}/api/submit/?token={SECRET}",
            json={"count": 1, "visits": [visit]},
            headers={"X-Request-Id": "r-500", "Cookie": f"c={SECRET}"},
        )
        command = deployment.start("import_stores", str(FIXTURES / "stores.csv"), SENTRY_DSN=sentry.dsn)
        assert command.wait(30) == 1
    finally:
        change(deployment, "ALTER TABLE gone RENAME TO stores_store")

    assert answer.status_code == 500
    event = sentry.wait("r-500")
    assert event["logentry"]["message"] == "Internal Server Error: /api/submit/"
    assert event["tags"] == {"request_id": "r-500"}
    assert event["exception"]["values"][-1]["value"] == 'relation "stores_store" does not exist'
    ended = wait_for(lambda: next((each for each in sentry.events if "logentry" not in each), None))
    assert ended["exception"]["values"][-1]["type"] == "ProgrammingError"
    assert ended["exception"]["values"][-1]["mechanism"]["handled"] is False


def test_nothing_that_a_client_sent_has_left_the_service(sentry):
    assert sentry.bodies
    for body in sentry.bodies:
        assert SECRET.encode() not in body
    for event in sentry.events:
        assert event.keys() & {"request", "user", "breadcrumbs", "modules", "server_name"} == set()
        assert event["extra"] == {}


IMPORT_SETTINGS = "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:])); import retail_pulse.settings"


@pytest.mark.parametrize(
    ("dsn", "missing", "sentence"),
    [
        (f"https://{SECRET}@sentry.test", [], "SENTRY_DSN: allowed is https://key@host/project, as Sentry shows it."),
        (SECRET, [], "SENTRY_DSN: allowed is https://key@host/project, as Sentry shows it."),
        ("https://key@sentry.test/1", ["sentry_sdk"], "the extra sentry is not installed: pip install"),
    ],
)
def test_a_wrong_dsn_or_a_missing_extra_is_one_sentence_at_the_start(tmp_path, dsn, missing, sentence):
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_SETTINGS, *missing],
        cwd=ROOT,
        env={**os.environ, "SENTRY_DSN": dsn, "RETAIL_PULSE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert sentence in done.stderr.splitlines()[-1]
    assert SECRET not in done.stderr
