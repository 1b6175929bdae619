"""What people see and do while an engine runs and a photo host refuses: from the first 503 to the last image."""

import threading

import pytest
from django.test import Client

from jobs.models import FailedAttempt, ImageResult
from proofs.world.fault_server import FaultServer, response
from tests.conftest import FIXTURES
from tests.factories import make_staff, submit_job
from tests.jobs.engine.conftest import start_engine  # noqa: F401 - a fixture
from tests.jobs.engine.test_contract import finished
from tests.waiting import wait_for

IMAGE = (FIXTURES / "images" / "shelf.jpg").read_bytes()

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_job_says_that_all_waits_and_goes_on_at_once_when_staff_resume_the_host(
    start_engine,  # noqa: F811
    monkeypatch,
    settings,
):
    # No image comes back before others have shown that it is the host.
    settings.BACKOFF_BASE_SECONDS = 1.5
    # Much longer than this test: the button ends the pause.
    monkeypatch.setattr("jobs.imaging.host.PAUSE_SECONDS", (50.0, 50.0))
    staff = Client()
    staff.force_login(make_staff("change_job", "change_pausedhost"))
    opened = threading.Event()

    def answer(stage):
        stage.send(response(IMAGE) if opened.is_set() else response(b"", "503 Service Unavailable"))

    start_engine("jobs.engine.threads.ThreadEngine")
    with FaultServer() as server:
        job = submit_job([server.at(f"/{number}", answer) for number in range(40)])
        host = f"127.0.0.1:{server.port}"
        wait_for(lambda: staff.get(f"/api/v1/jobs/{job.pk}").json()["all_waiting"])
        shown = staff.get(f"/api/v1/jobs/{job.pk}").json()
        assert [(each["host"], each["code"], each["images"]) for each in shown["waiting_for"]] == [
            (host, "http_503", 40)
        ]
        assert (shown["counts"]["pending"], shown["estimate"]) == (40, None)
        assert "All remaining images wait for their host." in staff.get(f"/jobs/{job.pk}/").text
        assert f'Try again now<span class="unseen"> for {host}</span>' in staff.get("/operations/").text
        assert staff.get("/api/v1/hosts").json()["results"][0]["waiting_images"] == 40

        opened.set()
        assert staff.post(f"/api/v1/hosts/{host}/resume", {}, "application/json").status_code == 200
        assert finished(job).status == "completed"
    assert staff.get("/api/v1/hosts").json()["results"] == []
    # At the first refusals it was not known yet that the host was to blame.
    assert FailedAttempt.objects.filter(counted=True).count() < 3
    assert ImageResult.objects.filter(attempts=1).count() > 37
