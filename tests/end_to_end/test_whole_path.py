"""One job end to end: HTTP in, real downloads, HTTP out."""

import json
import os
import signal

import pytest
import requests
from PIL import Image

from demo.service import Service, ServiceFailed
from demo.tour import tour
from retail_pulse.postgres import locks
from tests.conftest import FIXTURES
from tests.end_to_end.conftest import CHECKOUT, Deployment
from tests.waiting import wait_for

STORE = "DEMO0001"
# A lease that ends after all that a test waits for: what is taken over sooner was not left to its end.
LONG = "300"


@pytest.fixture(scope="module")
def served(migrated_database, tmp_path_factory):
    """One deployment and its server, for tests that neither kill nor configure it."""
    deployment = Deployment(tmp_path_factory.mktemp("served"), migrated_database())
    with deployment.service() as service:
        yield deployment, service
    deployment.end()


@pytest.fixture(scope="module")
def accepting(migrated_database, tmp_path_factory):
    """One deployment and a server that accepts jobs and works on none; what a test leaves in the queue, it cancels."""
    deployment = Deployment(tmp_path_factory.mktemp("accepting"), migrated_database())
    with deployment.service(ENGINE_AUTOSTART="off") as service:
        yield deployment, service
    deployment.end()


@pytest.fixture(scope="module")
def toured(tmp_path_factory):
    """The state directory that the demo has left, and what came out otherwise than expected."""
    home = tmp_path_factory.mktemp("toured") / "demo"
    return home, tour(CHECKOUT, home, stay=False)


def payload(*urls, store_id=STORE):
    return {"count": 1, "visits": [{"store_id": store_id, "visit_time": "2026-11-22", "image_url": list(urls)}]}


def many(images, count):
    return payload(*(f"{images.url}/{images.names[n % len(images.names)]}?n={n}" for n in range(count)))


def finished(service, job_id):
    return wait_for(lambda: (s := service.status(job_id))["status"] != "ongoing" and s, timeout=60, pause=0.1)


def test_the_demo_ends_as_expected(toured):
    _, surprises = toured
    assert surprises == []


def test_a_second_demo_in_the_same_place_says_so_and_ends(toured):
    home, _ = toured
    with locks.exclusive(home / "demo.lock", 1), pytest.raises(ServiceFailed, match=r"Another demo is running .*\.$"):
        tour(CHECKOUT, home, stay=False)


def test_a_job_is_accepted_processed_and_reported(served, images):
    _, service = served
    job_id = service.submit(payload(*(f"{images.url}/{name}" for name in images.names)))
    assert finished(service, job_id) == {"status": "completed", "job_id": job_id}
    for image, name in zip(service.images(job_id), images.names, strict=True):
        with Image.open(FIXTURES / "images" / name) as original:
            assert image["perimeter"] == 2 * (original.width + original.height)


def test_the_assignments_own_request_fails_store_by_store(served):
    _, service = served
    request = json.loads((FIXTURES / "example-request.json").read_text())
    status = finished(service, service.submit(request))
    assert status["status"] == "failed"
    assert [entry["store_id"] for entry in status["error"]] == ["S00339218", "S01408764"]


def test_a_retry_reaches_the_running_server(served, images, manage):
    deployment, service = served
    job_id = service.submit(payload(f"{images.url}/404"))
    assert finished(service, job_id)["status"] == "failed"
    retried = manage(deployment, "retry", str(job_id), "--code", "http_404")
    assert "1 image will be tried again" in retried
    again = f"SELECT count(*) = 1 FROM jobs_imageresult WHERE job_id = {job_id} AND claim_no = 2 AND state = 'failed'"
    deployment.wait_for(again)


def test_a_server_killed_in_the_middle_loses_nothing(deployment, images):
    with deployment.service(LEASE_SECONDS=LONG) as service:
        job_id = service.submit(many(images, 120))
        deployment.wait_for("SELECT count(*) > 20 FROM jobs_imageresult WHERE state = 'completed'")
        os.killpg(service.pid, signal.SIGKILL)
    done_before = deployment.scalar("SELECT count(*) FROM jobs_imageresult WHERE state = 'completed'")
    assert done_before < 120
    with deployment.service(LEASE_SECONDS=LONG) as service:
        deployment.wait_for("SELECT count(*) > 0 FROM jobs_imageresult WHERE claim_no > 1")
        assert finished(service, job_id)["status"] == "completed"
    assert deployment.scalar("SELECT count(*) FROM jobs_imageresult WHERE state = 'completed' AND perimeter > 0") == 120
    assert deployment.scalar("SELECT max(attempts) FROM jobs_imageresult") == 1


def test_a_worker_takes_over_what_a_killed_one_held(accepting, images):
    deployment, service = accepting
    first = deployment.start("work", GPU_MIN_SECONDS="30", GPU_MAX_SECONDS="30", LEASE_SECONDS=LONG)
    job_id = service.submit(many(images, 8))
    deployment.wait_for("SELECT count(*) = 8 FROM jobs_imageresult WHERE state = 'running'")
    second = deployment.start("work", LEASE_SECONDS=LONG, PGAPPNAME="counted")
    deployment.wait_for("SELECT count(*) = 2 FROM jobs_worker")
    first.kill()
    deployment.wait_for("SELECT count(*) > 0 FROM jobs_imageresult WHERE claim_no = 2")
    assert finished(service, job_id)["status"] == "completed"

    # It has the connections that the sizes in the docs count.
    counted = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'counted'"
    # The thread that has looked at the migrations keeps none.
    assert deployment.scalar(f"{counted} AND query LIKE '%django_migrations%'") == 0
    assert 3 <= deployment.scalar(counted) <= 4
    second.send_signal(signal.SIGTERM)
    assert second.wait(20) == 0


def test_two_workers_and_a_server_share_one_queue_without_an_overlap(served, images):
    deployment, service = served
    workers = [deployment.start("work") for _ in range(2)]
    deployment.wait_for("SELECT count(*) = 3 FROM jobs_worker")
    job_id = service.submit(many(images, 200))
    assert finished(service, job_id)["status"] == "completed"
    of_job = f"FROM jobs_imageresult WHERE job_id = {job_id}"
    assert deployment.scalar(f"SELECT count(DISTINCT claimed_by) {of_job}") == 3
    # One claim and one attempt each: nobody took what another one had.
    assert deployment.query(f"SELECT DISTINCT claim_no, attempts {of_job}") == [(1, 1)]
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    assert [worker.wait(20) for worker in workers] == [0, 0]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_the_server(deployment, images, signum):
    with deployment.service(GPU_MIN_SECONDS="0.5", GPU_MAX_SECONDS="0.5") as service:
        service.submit(many(images, 30))
        deployment.wait_for("SELECT count(*) > 0 FROM jobs_imageresult WHERE state = 'completed'")
        # Twice, as a terminal and a process supervisor between them would send it.
        os.killpg(service.pid, signum)
        os.killpg(service.pid, signum)
        assert service.wait() == 0
    assert deployment.scalar("SELECT count(*) FROM jobs_imageresult WHERE state = 'running'") == 0
    assert deployment.scalar("SELECT count(*) FROM jobs_worker") == 0
    assert deployment.scalar("SELECT max(crashes) FROM jobs_imageresult") == 0


def test_drain_empties_the_queue_and_leaves(accepting, images):
    deployment, service = accepting
    job_id = service.submit(payload(f"{images.url}/flaky/{images.names[0]}?drain", f"{images.url}/404"))
    assert deployment.start("work", "--drain", BACKOFF_BASE_SECONDS="0.2").wait(30) == 0
    assert service.status(job_id)["status"] == "failed"
    codes = deployment.query(f"SELECT error_code FROM jobs_imageresult WHERE job_id = {job_id} ORDER BY id")
    assert codes == [("",), ("http_404",)]


def test_a_lost_database_connection_heals_by_itself(served, images):
    deployment, service = served
    job_id = service.submit(many(images, 100))
    deployment.wait_for(f"SELECT count(*) > 10 FROM jobs_imageresult WHERE state = 'completed' AND job_id = {job_id}")
    deployment.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    wait_for(lambda: answers(service, job_id))
    assert finished(service, job_id)["status"] == "completed"


def test_a_killed_database_server_comes_back_with_everything_in_it(toured, images):
    home, _ = toured
    # Of the embedded server, which a state directory brings along.
    with Service(CHECKOUT, home, Deployment(home, "").settings()) as service:
        job_id = service.submit(many(images, 100))
        wait_for(lambda: service.status(job_id, view="summary")["counts"]["completed"] > 10)
        postmaster = (home / "postgres/data/postmaster.pid").read_text().split()[0]
        os.kill(int(postmaster), signal.SIGKILL)
        assert wait_for(lambda: (answers(service, job_id) or {}).get("status") == "completed", timeout=60)


def answers(service, job_id):
    """The status; None where the server says that its database is away for the moment."""
    try:
        return service.status(job_id)
    except requests.HTTPError as error:
        if error.response.status_code != 503:
            raise
        return None


def test_a_server_without_its_migrations_says_what_to_do(deployment):
    deployment.query("DELETE FROM django_migrations WHERE app = 'jobs' RETURNING 1")
    process = deployment.start("serve", "--port", "1")
    output = process.communicate(timeout=30)[0].decode()
    assert process.returncode == 1
    assert "run: ./run manage migrate" in output


def test_a_worker_on_a_terminal_or_not_runs_no_engine_in_other_commands(accepting, images):
    deployment, service = accepting
    job_id = service.submit(payload(f"{images.url}/{images.names[0]}"))
    commands = [deployment.start("check"), deployment.start("migrate", "--check")]
    assert [command.wait(30) for command in commands] == [0, 0]
    assert (
        deployment.scalar(f"SELECT count(*) FROM jobs_imageresult WHERE state = 'pending' AND job_id = {job_id}") == 1
    )
    service.control(job_id, "cancel")
