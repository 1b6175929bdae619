"""Does the receiver of the proofs notice what it is sent, and answer as it was told to?"""

import base64
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests
from standardwebhooks import Webhook

from proofs.world.ports import free_port
from proofs.world.receivers import MOST_BODIES, SILENT, Behaviour, Receivers

SECRET = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    with Receivers(seed=1) as program:
        yield program


def send(url: str, uid: str = "msg_1", body: str = '{"type": "job.ended"}', secret: str = SECRET, timeout=30) -> int:
    now = datetime.now(UTC)
    headers = {
        "webhook-id": uid,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(uid, now, body),
    }
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, body, headers=headers, timeout=timeout, allow_redirects=False).status_code


def test_what_is_sent_twice_is_heard_twice_under_one_id(receivers):
    url = receivers.open(Behaviour(), SECRET)

    assert [send(url), send(url), send(url, "msg_2")] == [204, 204, 204]

    heard = receivers.heard(url)
    assert [(uid, each.times, each.taken, len(each.bodies)) for uid, each in heard.items()] == [
        ("msg_1", 2, 2, 1),
        ("msg_2", 1, 1, 1),
    ]
    assert [each.unsigned for each in heard.values()] == [0, 0]
    assert receivers.number(url) == 2


def test_another_body_under_the_same_id_is_noticed(receivers):
    url = receivers.open(Behaviour(), SECRET)

    for number in range(5):
        send(url, body=f'{{"number": {number}}}')

    assert len(receivers.heard(url)["msg_1"].bodies) == MOST_BODIES


@pytest.mark.parametrize("trusted", ["", "whsec_" + base64.b64encode(bytes(24)).decode()])
def test_what_another_secret_has_signed_is_noticed(receivers, trusted):
    url = receivers.open(Behaviour(), trusted)

    send(url)
    receivers.trust(url, SECRET)
    send(url)

    heard = receivers.heard(url)["msg_1"]
    assert (heard.times, heard.unsigned) == (2, 1)


def test_it_answers_as_it_was_told_to(receivers):
    url = receivers.open(Behaviour(failing=1.0), SECRET)
    answers = [send(url)]
    for status in (410, 302):
        receivers.change(url, Behaviour(status, location="http://127.0.0.1/"))
        answers.append(send(url))

    assert answers == [500, 410, 302]
    assert receivers.heard(url)["msg_1"].taken == receivers.number(url) == 0


def test_a_silent_one_accepts_and_never_answers(receivers):
    url = receivers.open(SILENT, SECRET)

    with pytest.raises(requests.ReadTimeout):
        send(url, timeout=0.2)

    assert receivers.heard(url)["msg_1"].times == 1


def test_a_closed_one_refuses_until_it_is_opened_again(receivers):
    url = receivers.open(Behaviour(), SECRET, free_port())
    receivers.close(url)
    with pytest.raises(requests.ConnectionError):
        send(url)
    receivers.reopen(url)

    assert send(url) == 204
    assert receivers.heard(url)["msg_1"].taken == 1
