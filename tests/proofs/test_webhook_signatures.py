"""Does the proof of webhooks see a signature that is wrong, and say so where npm is not there?"""

import time
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from proofs import webhook_signatures
from proofs.report import Report
from proofs.world.receivers import Heard
from webhooks.signing import new_secret

SECRET, OTHER = new_secret(), new_secret()


def case(signed_by):
    body, now = '{"type":"webhook.test","data":{}}', int(time.time())
    signature = Webhook(signed_by).sign("evt_1", datetime.fromtimestamp(now, UTC), body)
    headers = {"webhook-id": "evt_1", "webhook-timestamp": str(now), "webhook-signature": signature}
    return "a test", SECRET, Heard(headers=headers, bodies=[body])


def judged(right, wrong, npm=None):
    report = Report()
    webhook_signatures.judge(report, right, wrong, npm)
    return report


def test_what_is_signed_rightly_is_to_be_verified_and_the_rest_refused():
    assert not judged([case(SECRET)], [case(OTHER)]).missed
    assert judged([case(OTHER)], []).missed
    assert judged([], [case(SECRET)]).missed


@pytest.mark.parametrize("answer", [[False, False], [True, True]])
def test_a_library_of_npm_that_differs_is_seen(answer):
    cases = [case(SECRET)], [case(OTHER)]
    assert judged(*cases, npm=lambda _: answer).missed
    assert not judged(*cases, npm=lambda _: [True, False]).missed


def test_without_npm_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(webhook_signatures.shutil, "which", lambda _: None)
    assert webhook_signatures._npm(tmp_path) is None
    (bar,) = judged([case(SECRET)], []).bars.rows
    assert "could not be installed" in bar.cells[1]
