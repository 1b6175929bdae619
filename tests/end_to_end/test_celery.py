"""ENGINE=celery in processes of its own: web, `work`, and Celery's own command; over Redis."""

import os
import signal
import subprocess
import sys

import pytest
import requests
from celery import Celery

from tests.end_to_end.conftest import CHECKOUT, Deployment
from tests.end_to_end.test_whole_path import many
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def deployment(migrated_database, tmp_path_factory, redis):
    deployment = Deployment(tmp_path_factory.mktemp("celery"), migrated_database())
    yield deployment
    deployment.end()


@pytest.fixture(scope="module")
def ours(redis):
    return {"ENGINE": "celery", "BROKER_URL": redis.url, "ENGINE_AUTOSTART": "off"}


@pytest.fixture(scope="module")
def web(deployment, ours):
    """A server that only sends messages."""
    with deployment.service(**ours) as service:
        yield service


def celery(deployment, *arguments, **settings):
    """One of Celery's own commands, started."""
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "retail_pulse.celery", *arguments],
        cwd=CHECKOUT,
        env=os.environ | {"RETAIL_PULSE_HOME": str(deployment.home)} | deployment.settings(**settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deployment.processes.append(process)
    return process


def readyz(web):
    return requests.Session().get(f"{web.url}/readyz", timeout=5).json()


def finish(deployment, web, images):
    job_id = web.submit(many(images, 30))
    deployment.wait_for(f"SELECT status = 'completed' FROM jobs_job WHERE id = {job_id}")


def kept_since_the_start(deployment):
    """How many connections nobody has used since the process made sure of its tables."""
    return deployment.scalar(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%django_migrations%'"
    )


def end(process, deployment):
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=30)[0]
    assert process.returncode == 0, output
    assert deployment.scalar("SELECT count(*) FROM jobs_worker") == 0
    return output


def test_a_web_process_hands_its_jobs_to_a_worker_and_works_on_none(deployment, web, ours, images):
    assert readyz(web) == {"status": "ready", "broker": "up"}
    job_id = web.submit(many(images, 30))
    worker = deployment.start("work", **ours)
    deployment.wait_for(f"SELECT status = 'completed' FROM jobs_job WHERE id = {job_id}")
    assert deployment.scalar("SELECT count(*) FROM jobs_worker") == 1
    assert kept_since_the_start(deployment) == 0
    end(worker, deployment)


def test_celerys_own_command_is_a_worker_like_any_other(deployment, web, ours, images):
    worker = celery(deployment, "worker", "-P", "threads", "-c", "1", **ours)
    finish(deployment, web, images)
    assert kept_since_the_start(deployment) == 0
    asked = celery(deployment, "inspect", "ping", "--timeout", "3", **ours).communicate(timeout=30)[0]
    assert "1 node online" in asked
    output = end(worker, deployment)
    assert "worker started" in output
    assert "Traceback" not in output


def test_a_command_tells_the_workers_of_its_job(deployment, ours, images):
    worker = deployment.start("work", **ours)
    deployment.wait_for("SELECT count(*) = 1 FROM jobs_worker")
    visits = deployment.home / "visits.csv"
    visits.write_text(f"store_id,image_url,visit_time\nDEMO0001,{images.url}/{images.names[0]},2026-11-22\n")
    command = deployment.start("submit", str(visits), **ours)
    assert command.wait(30) == 0, command.stdout.read()
    deployment.wait_for("SELECT bool_and(status <> 'ongoing') FROM jobs_job")
    end(worker, deployment)


def test_a_worker_that_celery_shuts_down_ends_in_order(deployment, web, ours, redis, images):
    worker = deployment.start("work", **ours)
    # It consumes.
    finish(deployment, web, images)
    Celery(broker=redis.url, set_as_current=False).control.shutdown()
    output = worker.communicate(timeout=30)[0].decode()
    assert worker.returncode == 0, output
    assert deployment.scalar("SELECT count(*) FROM jobs_worker") == 0


def test_another_pool_is_refused_with_the_cure(deployment, ours):
    worker = celery(deployment, "worker", "-P", "threads", "-c", "2", **ours)
    output = worker.communicate(timeout=30)[0]
    assert worker.returncode != 0
    assert "start it with `-P threads -c 1`" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"BROKER_URL": ""}, "ENGINE=celery has no broker."),
        ({"ENGINE": "threads"}, "Celery's commands need ENGINE=celery, and BROKER_URL."),
    ],
)
def test_what_is_not_set_is_said(deployment, ours, settings, sentence):
    worker = celery(deployment, "worker", **(ours | settings))
    output = worker.communicate(timeout=30)[0]
    assert worker.returncode != 0
    assert sentence in output
    assert "Traceback" not in output


def test_work_says_what_is_not_set(deployment, ours):
    worker = deployment.start("work", **(ours | {"BROKER_URL": ""}))
    output = worker.communicate(timeout=30)[0].decode()
    assert worker.returncode == 1
    assert "jobs.E005" in output


def test_while_the_broker_is_away_readyz_says_so_and_the_job_is_done(deployment, web, ours, redis, images):
    worker = deployment.start("work", **ours)
    deployment.wait_for("SELECT count(*) = 1 FROM jobs_worker")
    redis.kill()
    try:
        wait_for(lambda: readyz(web) == {"status": "ready", "broker": "away"})
        finish(deployment, web, images)
    finally:
        redis.start()
    wait_for(lambda: readyz(web) == {"status": "ready", "broker": "up"})
    finish(deployment, web, images)
    end(worker, deployment)
