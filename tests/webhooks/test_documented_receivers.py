"""Do the receiver and the shell lines of docs/webhooks.md accept what the service really sends, and nothing else?"""

import base64
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from ipaddress import ip_network
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from standardwebhooks import Webhook

from jobs.imaging.guard import Guard
from jobs.imaging.post import Poster
from tests import ROOT
from tests.waiting import wait_for
from tests.webhooks.receiver import Receiver
from webhooks import bodies
from webhooks.attempts import send
from webhooks.claims import Claim
from webhooks.endpoints import ROTATION
from webhooks.kinds import EventType
from webhooks.models import Endpoint, Event
from webhooks.outbox import new_uid
from webhooks.signing import new_secret

PAGE = (ROOT / "docs" / "webhooks.md").read_text()
(RECEIVER,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
_SHELL = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SIGN, CURL = _SHELL[1:]
NEEDED = [tool for tool in ("sh", "openssl", "curl", "base64", "od") if shutil.which(tool) is None]


@pytest.fixture(scope="module")
def poster():
    guard = Guard([ip_network("127.0.0.1/32")], [range(1, 65_536)], is_own=lambda address: False)
    poster = Poster(guard, deadline_seconds=30)
    yield poster
    poster.close()


@pytest.fixture
def run_receiver(tmp_path):
    """Starts the receiver of the page with a secret; returns its address."""
    started = []

    def run(secret):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (tmp_path / "receiver.py").write_text(RECEIVER)
        environment = {**os.environ, "WEBHOOK_SECRET": secret, "PORT": str(port)}
        started.append(
            subprocess.Popen([sys.executable, "receiver.py"], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
        )
        wait_for(lambda: answers(port))
        return f"http://127.0.0.1:{port}/hooks"

    yield run
    for process in started:
        process.terminate()
        process.wait(30)


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def claim_of(url, secret, **more):
    """An event on its way, as an engine has claimed it."""
    body = bodies.body(EventType.TEST, {"endpoint": 1, "message": "Größe 😀"}, datetime(2026, 11, 22, tzinfo=UTC))
    event = Event(uid=new_uid(), type=EventType.TEST, body=body)
    return Claim(1, event, Endpoint(pk=1, url=url, secret=secret, **more), 0, timezone.now())


def kept(folder):
    with sqlite3.connect(folder / "events.sqlite3") as events:
        return events.execute("SELECT id, type, body FROM event").fetchall()


def test_the_receiver_keeps_what_is_sent_once_however_often_it_comes(run_receiver, poster, tmp_path):
    secret = new_secret()
    claim = claim_of(run_receiver(secret), secret)
    assert [send(poster, claim).status for _ in range(2)] == [204, 204]
    assert kept(tmp_path) == [(claim.event.uid, "webhook.test", claim.event.body)]


def test_the_receiver_refuses_what_is_signed_by_another_secret(run_receiver, poster, tmp_path):
    claim = claim_of(run_receiver(new_secret()), new_secret())
    assert send(poster, claim).status == 401
    assert kept(tmp_path) == []


@pytest.mark.parametrize("has_changed", [False, True])
def test_the_receiver_takes_either_secret_during_a_rotation(run_receiver, poster, has_changed):
    before, after = new_secret(), new_secret()
    url = run_receiver(after if has_changed else before)
    rotated = {"old_secret": before, "old_secret_until": timezone.now() + ROTATION}
    assert send(poster, claim_of(url, after, **rotated)).status == 204
    ended = {"old_secret": before, "old_secret_until": timezone.now()}
    assert send(poster, claim_of(url, after, **ended)).status == (204 if has_changed else 401)


def test_the_receiver_refuses_old_requests_and_large_ones(run_receiver):
    secret, body = new_secret(), b'{"type":"webhook.test"}'
    url = run_receiver(secret)

    def post(timestamp, data):
        at = datetime.fromtimestamp(timestamp, UTC)
        signature = Webhook(secret).sign("evt_1", at, data.decode())
        headers = {"webhook-id": "evt_1", "webhook-timestamp": str(timestamp), "webhook-signature": signature}
        connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
        with closing(connection):
            connection.request("POST", "/hooks", data, headers)
            return connection.getresponse().status

    now = int(time.time())
    assert post(now, body) == 204
    assert post(now - 301, body) == 401
    assert post(now, json.dumps({"type": "x" * 20_000}).encode()) == 413


@pytest.mark.skipif(bool(NEEDED), reason=f"there is no {', '.join(NEEDED)}")
@pytest.mark.parametrize("length", [24, 32, 64])
def test_the_shell_lines_find_the_signature_that_was_sent(poster, tmp_path, length):
    secret = f"whsec_{base64.b64encode(bytes(range(length))).decode()}"
    with Receiver() as receiver:
        assert send(poster, claim_of(f"{receiver.url}/hooks", secret)).status == 204
        (sent,) = receiver.received
    (tmp_path / "body.json").write_bytes(sent.body)
    given = {"id": sent.headers["webhook-id"], "timestamp": sent.headers["webhook-timestamp"]}
    found = shell(SIGN, tmp_path, secret=secret, **given)
    assert found == sent.headers["webhook-signature"]


@pytest.mark.skipif(bool(NEEDED), reason=f"there is no {', '.join(NEEDED)}")
def test_the_receiver_takes_what_the_shell_lines_sign(run_receiver, tmp_path):
    secret = new_secret()
    url = run_receiver(secret)
    (tmp_path / "body.json").write_text('{"type":"webhook.test","data":{}}')
    given = {"secret": secret, "id": "evt_7", "timestamp": str(int(time.time())), "receiver": url}
    assert shell(SIGN + CURL, tmp_path, **given).splitlines()[-1] == "204"
    assert shell(SIGN + CURL, tmp_path, **{**given, "secret": new_secret()}).splitlines()[-1] == "401"
    assert [row[0] for row in kept(tmp_path)] == ["evt_7"]


def shell(lines, folder, **variables):
    environment = {**os.environ, **variables}
    done = subprocess.run(
        ["sh", "-eu", "-c", lines], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
