"""What if the database itself goes down, fills up or says no? One server, on a PostgreSQL server of its own."""

import subprocess
import time

import psycopg
import pytest
import requests

from proofs.world.cluster import Cluster
from proofs.world.logs import read_log
from tests.databases import fill_from_template
from tests.end_to_end.conftest import Deployment
from tests.end_to_end.test_lost_answers import finished_or_away, send
from tests.end_to_end.test_whole_path import STORE, answers, many, payload
from tests.waiting import wait_for

NO_CONNECTIONS = "ALTER DATABASE retail_pulse WITH ALLOW_CONNECTIONS false"
CONNECTIONS = "ALTER DATABASE retail_pulse WITH ALLOW_CONNECTIONS true"
TERMINATE = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'retail_pulse'"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, django_db_setup, django_db_blocker):
    with Cluster(tmp_path_factory.mktemp("cluster"), deadlock_timeout="100ms") as cluster:
        with django_db_blocker.unblock():
            fill_from_template(cluster, {})
        cluster.query("INSERT INTO stores_store (store_id, name, area_code) VALUES (%s, 'Store', 'K1')", [STORE])
        yield cluster


@pytest.fixture(scope="module")
def deployment(cluster, tmp_path_factory):
    return Deployment(tmp_path_factory.mktemp("deployment"), cluster.url())


@pytest.fixture(scope="module")
def service(deployment):
    with deployment.service(DATABASE_POOL_SIZE="10", LOG_FILE="service.log") as service:
        yield service


def finish(service, job_id):
    assert wait_for(lambda: finished_or_away(service, job_id), timeout=60, pause=0.1)["status"] == "completed"


def elsewhere(cluster, *statements):
    """Execute on a connection to another database of the server."""
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as other:
        for statement in statements:
            other.execute(statement)


def asked_for(url):
    return requests.Session().get(url, timeout=20)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_of_the_database_is_survived_without_one_of_ours(cluster, deployment, service, images, mode):
    job_id = service.submit(many(images, 100))
    deployment.wait_for(f"SELECT completed > 10 FROM jobs_job WHERE id = {job_id}")
    # Before the restart: soon afterwards, there may be another one already.
    last_worker = deployment.scalar("SELECT max(id) FROM jobs_worker")
    cluster.restart(mode)
    # How soon, is measured by `./run proof kill`.
    deployment.wait_for(f"SELECT EXISTS (SELECT FROM jobs_imageresult WHERE claimed_by > {last_worker})")
    finish(service, job_id)
    assert deployment.query(f"SELECT count(*), max(attempts) FROM jobs_imageresult WHERE job_id = {job_id}") == [
        (100, 1)
    ]


def test_terminated_backends_cost_no_image(cluster, service, images):
    job_id = service.submit(many(images, 100))
    assert cluster.terminate_backends() > 0
    finish(service, job_id)


def test_while_the_database_is_down_the_server_says_so_and_the_log_stays_short(cluster, deployment, service, images):
    job_id = service.submit(many(images, 100))
    log = deployment.home / "service.log"
    cluster.stop("immediate")
    down = time.monotonic()
    before = len(log.read_text().splitlines())
    assert asked_for(f"{service.url}/livez").ok
    for _ in range(2):
        assert asked_for(f"{service.url}/readyz").status_code == 503
    refused = send(service, payload(f"{images.url}/404"), "while-down")
    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
    # Long enough for the engine to have tried again several times.
    wait_for(lambda: time.monotonic() - down > 5)
    events = [line["event"] for line in read_log(log)[before:]]
    assert len(events) == len(set(events)) <= 8, events

    cluster.start()
    wait_for(lambda: asked_for(f"{service.url}/readyz").ok)
    finish(service, job_id)
    assert wait_for(lambda: (answer := send(service, payload(f"{images.url}/404"), "while-down")).ok and answer)


def test_a_database_that_takes_no_connections_is_backed_off_from(cluster, service, images):
    job_id = service.submit(many(images, 30))
    elsewhere(cluster, NO_CONNECTIONS, TERMINATE)
    refused = asked_for(f"{service.url}/api/status?jobid={job_id}")
    elsewhere(cluster, CONNECTIONS)
    assert refused.status_code == 503
    finish(service, job_id)


def test_a_standby_after_a_failover_is_waited_out(cluster, deployment, service, images):
    job_id = service.submit(many(images, 60))
    elsewhere(cluster, "ALTER DATABASE retail_pulse SET default_transaction_read_only = on")
    cluster.terminate_backends()
    assert wait_for(lambda: send(service, payload(f"{images.url}/404"), "standby").status_code == 503)
    elsewhere(cluster, "ALTER DATABASE retail_pulse RESET default_transaction_read_only")
    cluster.terminate_backends()
    finish(service, job_id)
    # Nobody's attempt was spent on it.
    assert deployment.scalar(f"SELECT max(attempts) FROM jobs_imageresult WHERE job_id = {job_id}") == 1


def test_deadlocks_with_a_stranger_are_tried_again(cluster, deployment, service, images):
    job_id = service.submit(many(images, 60))
    # Against the order of locks: the job first, then its images; the recorder takes the images first.
    for _ in range(5):
        with psycopg.connect(cluster.url()) as stranger:
            try:
                stranger.execute(f"SELECT FROM jobs_job WHERE id = {job_id} FOR UPDATE")
                stranger.execute(f"SELECT FROM jobs_imageresult WHERE job_id = {job_id} ORDER BY id DESC FOR UPDATE")
            except psycopg.errors.DeadlockDetected:
                stranger.rollback()
    finish(service, job_id)
    assert deployment.scalar(f"SELECT max(attempts) FROM jobs_imageresult WHERE job_id = {job_id}") == 1


@pytest.fixture
def small_disk(cluster, deployment, service, tmp_path):
    """The service's tables on a file system of 48 MB; yields the ballast that fills it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", disk], check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        subprocess.run(["chown", str(cluster.data.stat().st_uid), disk], check=True)
        elsewhere(cluster, f"CREATE TABLESPACE small LOCATION '{disk}'", *moved_to("small"))
        yield disk / "ballast"
        (disk / "ballast").unlink(missing_ok=True)
        elsewhere(cluster, *moved_to("pg_default"), "DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def moved_to(tablespace):
    """Statements that take the database there, in a moment in which nobody is connected to it."""
    return NO_CONNECTIONS, TERMINATE, f"ALTER DATABASE retail_pulse SET TABLESPACE {tablespace}", CONNECTIONS


def test_a_full_disk_loses_nothing(cluster, deployment, service, images, small_disk):
    job_id = wait_for(lambda: (found := send(service, many(images, 300), "disk")).ok and found).json()["job_id"]
    with small_disk.open("wb", buffering=0) as ballast:
        try:
            while ballast.write(bytes(2**20)):
                pass
        except OSError:
            pass
    # Larger than what is left in the pages that the tables have already.
    refused = send(service, many(images, 20_000), "no-room")
    assert refused.status_code == 503
    assert "disk" in refused.json()["error"]
    assert deployment.scalar("SELECT count(*) FROM jobs_idempotencykey WHERE key = 'no-room'") == 0
    small_disk.unlink()
    finish(service, job_id)
    assert deployment.query(f"SELECT count(*), max(attempts) FROM jobs_imageresult WHERE job_id = {job_id}") == [
        (300, 1)
    ]


def test_the_audit_finds_nothing_after_all_this(deployment, service):
    deployment.wait_for("SELECT NOT EXISTS (SELECT FROM jobs_imageresult WHERE state IN ('pending', 'running'))")
    assert answers(service, 1) is not None
    assert "broken" not in service.manage("audit")
