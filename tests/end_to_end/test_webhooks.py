"""Does every event reach its receiver where processes are killed at the worst moments?"""

import json
import signal

import pytest
from standardwebhooks import Webhook

from tests.end_to_end.test_whole_path import payload
from tests.waiting import wait_for
from tests.webhooks.receiver import Receiver

SETTINGS = {"WEBHOOK_ALLOW_CIDRS": "127.0.0.1/32", "WEBHOOK_ALLOW_PORTS": "1-65535"}
# As if the leases that the dead have left had ended.
END_LEASES = "UPDATE webhooks_delivery SET due_at = now() WHERE state = 'pending' RETURNING event_id"


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


def test_killed_with_a_claim_and_again_before_it_is_recorded(deployment, manage, receiver, images, tmp_path):
    (secret,) = deployment.query(
        "INSERT INTO webhooks_endpoint (url, events, secret) "
        f"VALUES ('{receiver.url}/hook', '{{job.ended}}', 'whsec_' || encode('secret', 'base64')) RETURNING secret"
    )[0]
    file = tmp_path / "job.json"
    file.write_text(json.dumps(payload(f"{images.url}/{images.names[0]}")))
    manage(deployment, "submit", str(file))
    for point, sent in (("webhooks.after_claim", 0), ("webhooks.before_record", 1)):
        worker = deployment.start("work", FAILPOINTS=f"{point}:kill", **SETTINGS)
        assert worker.wait(60) == -signal.SIGKILL
        assert len(receiver.received) == sent
        assert deployment.scalar("SELECT count(*) FROM webhooks_delivery WHERE state = 'pending'") == 1
        deployment.query(END_LEASES)
    deployment.start("work", **SETTINGS)
    deployment.wait_for("SELECT count(*) = 1 FROM webhooks_delivery WHERE state = 'delivered'")
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    for received in (first, second):
        assert Webhook(secret).verify(received.body, received.headers)["type"] == "job.ended"
    wait_for(lambda: deployment.scalar("SELECT count(*) FROM webhooks_attempt") == 1)
