"""What if the connection to the database fails, and not the database? One server, behind a proxy that does it."""

import time
from pathlib import Path

import psycopg
import pytest
import requests
from psycopg.conninfo import conninfo_to_dict

from proofs.world.proxy import Proxy
from tests.end_to_end.conftest import Deployment
from tests.end_to_end.test_whole_path import answers, finished, many, payload
from tests.waiting import wait_for

LEASE_SECONDS = 2
PATIENCE_SECONDS = 2


@pytest.fixture(scope="module")
def behind_a_proxy(migrated_database, tmp_path_factory):
    """A server whose way to the database is the proxy; the deployment itself, and its workers, have a direct one."""
    deployment = Deployment(tmp_path_factory.mktemp("proxied"), migrated_database())
    address = conninfo_to_dict(deployment.database_url)
    host, port = str(address.get("host", "")), int(address.get("port") or 5432)
    with Proxy(Path(host) / f".s.PGSQL.{port}" if host.startswith("/") else port) as proxy:
        password = f":{address['password']}" if address.get("password") else ""
        service = deployment.service(
            DATABASE_URL=f"postgresql://{address['user']}{password}@127.0.0.1:{proxy.port}/{address['dbname']}",
            DATABASE_PATIENCE_SECONDS=str(PATIENCE_SECONDS),
            LEASE_SECONDS=str(LEASE_SECONDS),
        )
        with service:
            yield deployment, service, proxy
            proxy.speak_again()
    deployment.end()


def send(service, body, key):
    return requests.Session().post(
        f"{service.url}/api/submit/", json=body, headers={"Idempotency-Key": key}, timeout=30
    )


def test_a_submission_whose_commit_is_never_answered_is_found_by_its_key(behind_a_proxy, images):
    deployment, service, proxy = behind_a_proxy
    body = payload(f"{images.url}/{images.names[0]}")

    proxy.cut_commit_after(b'INSERT INTO "jobs_idempotencykey"')
    assert send(service, body, "lost").status_code == 503
    assert proxy.cut.is_set()
    (kept,) = deployment.query("SELECT id FROM jobs_job")[0]

    again = wait_for(lambda: (answer := send(service, body, "lost")).ok and answer)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == ({"job_id": kept}, "true")
    assert deployment.scalar("SELECT count(*) FROM jobs_job") == 1


def test_results_whose_commit_is_never_answered_are_written_once(behind_a_proxy, images):
    deployment, service, proxy = behind_a_proxy
    proxy.cut_commit_after(b"json_to_recordset")
    job_id = service.submit(many(images, 60))
    assert proxy.cut.wait(20)
    assert wait_for(lambda: finished_or_away(service, job_id), timeout=60)["status"] == "completed"
    rows = f"SELECT count(*), max(attempts), sum(attempts) FROM jobs_imageresult WHERE job_id = {job_id}"
    assert deployment.query(rows) == [(60, 1, 60)]
    assert deployment.query(f"SELECT completed, failed FROM jobs_job WHERE id = {job_id}") == [(60, 0)]


def test_a_broken_connection_is_made_anew(behind_a_proxy, images):
    _, service, proxy = behind_a_proxy
    job_id = service.submit(many(images, 60))
    proxy.reset_all()
    assert wait_for(lambda: finished_or_away(service, job_id), timeout=60)["status"] == "completed"


def test_a_black_hole_costs_its_lease_and_no_image(behind_a_proxy, images, manage):
    deployment, service, proxy = behind_a_proxy
    deployment.start("work", LEASE_SECONDS=str(LEASE_SECONDS))
    deployment.wait_for("SELECT count(*) = 2 FROM jobs_worker")
    silenced = deployment.scalar("SELECT min(id) FROM jobs_worker")
    job_id = service.submit(many(images, 150))
    deployment.wait_for(
        f"SELECT count(*) > 0 FROM jobs_imageresult WHERE claimed_by = {silenced} AND state = 'running'"
    )

    proxy.fall_silent()
    began = time.monotonic()
    # The other worker takes over what the silent one held, and finishes the job alone.
    deployment.wait_for(f"SELECT NOT EXISTS (SELECT FROM jobs_worker WHERE id = {silenced})")
    assert time.monotonic() - began < LEASE_SECONDS + 2
    deployment.wait_for(f"SELECT status = 'completed' FROM jobs_job WHERE id = {job_id}", timeout=60)

    # The server lives, says that it is not ready, and keeps nobody waiting for ever.
    assert requests.Session().get(f"{service.url}/livez", timeout=5).ok
    assert requests.Session().get(f"{service.url}/readyz", timeout=5).status_code == 503
    answer = requests.Session().get(f"{service.url}/api/status", params={"jobid": job_id}, timeout=30)
    assert (answer.status_code, answer.json()["error"].split(" is ")[0]) == (503, "The database")

    proxy.speak_again()
    assert wait_for(lambda: finished_or_away(service, job_id))["status"] == "completed"
    deployment.wait_for(f"SELECT count(*) = 2 FROM jobs_worker WHERE id > {silenced}")
    rows = f"SELECT count(*), max(attempts), sum(attempts) FROM jobs_imageresult WHERE job_id = {job_id}"
    assert deployment.query(rows) == [(150, 1, 150)]
    assert "broken" not in manage(deployment, "audit")


def test_a_lock_that_is_never_released_is_not_waited_for_for_ever(behind_a_proxy, images):
    deployment, service, _ = behind_a_proxy
    with psycopg.connect(deployment.database_url) as blocker:
        blocker.execute("LOCK TABLE jobs_job")
        began = time.monotonic()
        assert send(service, payload(f"{images.url}/{images.names[0]}"), "locked").status_code == 503
        assert time.monotonic() - began < PATIENCE_SECONDS + 3
    answer = wait_for(
        lambda: (found := send(service, payload(f"{images.url}/{images.names[0]}"), "locked")).ok and found
    )
    assert finished(service, answer.json()["job_id"])["status"] == "completed"
    assert deployment.scalar("SELECT count(*) FROM jobs_idempotencykey WHERE key = 'locked'") == 1


def finished_or_away(service, job_id):
    """The final status; None while the job is ongoing or the server says that its database is away."""
    status = answers(service, job_id)
    return status if status and status["status"] != "ongoing" else None
