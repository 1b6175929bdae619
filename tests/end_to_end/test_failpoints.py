"""What is left when a process dies at the worst moment? One server, killed at named places, by itself."""

import pytest
import requests

from tests.end_to_end.conftest import Deployment
from tests.end_to_end.test_whole_path import STORE, finished, payload
from tests.waiting import wait_for

# Each at one URL, or one job, and only at the first claim: the image's second claim passes.
POINTS = {
    "after the claim, before the fetch": "claim.after_commit@claim_no=1,.*after_claim",
    "after the download, before it is measured": "measure.before@claim_no=1,.*before_measure",
    "at the model step": "gpu.before@claim_no=1,.*before_gpu",
    "with the result written and not committed": "record.before_commit@claim_no=1,.*before_commit",
    "with the result committed and nobody notified": "record.after_commit@claim_no=1,.*after_commit",
}
MAX_CRASHES = 3


@pytest.fixture(scope="module")
def crashing(migrated_database, tmp_path_factory):
    """A server that kills itself at POINTS, at the first two submissions, and at every image named poison."""
    deployment = Deployment(tmp_path_factory.mktemp("crashing"), migrated_database())
    points = [
        *(f"{point.replace(',', '.')}:kill" for point in POINTS.values()),
        "submit.before_commit@^1$:kill",
        "submit.after_commit@^3$:kill",
        "measure.before@poison:kill",
    ]
    with deployment.service(FAILPOINTS=",".join(points), MAX_CRASHES=str(MAX_CRASHES)) as service:
        yield deployment, service


def send(service, body, key):
    """The answer; None where the server died over it."""
    try:
        return requests.Session().post(
            f"{service.url}/api/submit/", json=body, headers={"Idempotency-Key": key}, timeout=20
        )
    except requests.RequestException:
        return None


def send_until_answered(service, body, key):
    return wait_for(lambda: send(service, body, key))


def test_killed_around_the_commit_of_a_submission(crashing, images):
    deployment, service = crashing
    body = payload(f"{images.url}/{images.names[0]}")

    assert send(service, body, "before") is None
    assert deployment.scalar("SELECT count(*) FROM jobs_job") == 0
    answer = send_until_answered(service, body, "before")
    assert (answer.status_code, answer.headers.get("Idempotent-Replayed")) == (201, None)
    assert deployment.query("SELECT id FROM jobs_job") == [(answer.json()["job_id"],)]

    assert send(service, body, "after") is None
    kept = deployment.scalar("SELECT max(id) FROM jobs_job")
    answer = send_until_answered(service, body, "after")
    assert (answer.json(), answer.headers["Idempotent-Replayed"]) == ({"job_id": kept}, "true")
    assert deployment.scalar("SELECT count(*) FROM jobs_job") == 2


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS.keys())
def test_killed_in_the_midst_of_work(crashing, images, point):
    deployment, service = crashing
    name = point.rpartition("*")[2]
    answer = send_until_answered(service, payload(f"{images.url}/{images.names[0]}?{name}"), name)
    job_id = answer.json()["job_id"]
    assert wait_for(lambda: is_completed(service, job_id), timeout=60)
    # Written before the kill, or by the second claim; never by both.
    expected = (1, 1, 0) if name == "after_commit" else (2, 1, 1)
    rows = deployment.query(f"SELECT claim_no, attempts, crashes FROM jobs_imageresult WHERE job_id = {job_id}")
    assert rows == [expected]


def test_an_image_that_kills_every_process_fails_alone(crashing, images):
    deployment, service = crashing
    good = [f"{images.url}/{images.names[0]}?{n}" for n in range(10)]
    answer = send_until_answered(service, payload(*good, f"{images.url}/{images.names[0]}?poison", *good), "poison")
    job_id = answer.json()["job_id"]
    deployment.wait_for(f"SELECT status <> 'ongoing' FROM jobs_job WHERE id = {job_id}", timeout=60)
    rows = deployment.query(
        f"SELECT state, error_code, count(*) FROM jobs_imageresult WHERE job_id = {job_id} GROUP BY 1, 2 ORDER BY 1"
    )
    assert rows == [("completed", "", 20), ("failed", "crash_loop", 1)]
    (entry,) = wait_for(lambda: errors_of(service, job_id))
    assert entry["store_id"] == STORE
    assert "1 crash_loop" in entry["error"]


def test_the_audit_finds_nothing_afterwards(crashing, manage):
    deployment, _ = crashing
    deployment.wait_for("SELECT NOT EXISTS (SELECT FROM jobs_imageresult WHERE state IN ('pending', 'running'))")
    assert "broken" not in manage(deployment, "audit")


def is_completed(service, job_id):
    """Whether the job has completed; False too where the server is dying at this moment."""
    try:
        return finished(service, job_id)["status"] == "completed"
    except (requests.RequestException, AssertionError):
        return False


def errors_of(service, job_id):
    try:
        return service.status(job_id)["error"]
    except requests.RequestException:
        return None
