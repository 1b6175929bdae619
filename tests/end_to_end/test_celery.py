"""ENGINE=celery in processes of its own: web, `work`, and Celery's own command; over Redis."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
import requests
from celery import Celery
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from tests.end_to_end.conftest import CHECKOUT, Deployment
from tests.end_to_end.test_whole_path import many
from tests.jobs.engine.celery.engines import CELERY
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


@pytest.fixture(scope="module")
def handed(web, images):
    """A job that was submitted while there was no worker."""
    return web.submit(many(images, 30))


@pytest.fixture(scope="module")
def worker(deployment, handed, ours):
    """The only worker, until a test ends it."""
    return deployment.start("work", **ours)


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


# Each line is a command and its settings; answered by a line, with what it has printed or refused.
COMMANDS = """
import contextlib, io, json, os, sys
import django
django.setup()
from celery.bin.celery import celery
from django.test.utils import override_settings
import retail_pulse
from jobs.engine.base import forget_engine

# A worker's banner goes to the process's own output, however it is redirected.
answers = open(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    arguments, settings = json.loads(line)
    printed = io.StringIO()
    # As in a process of its own.
    sys.modules.pop("retail_pulse.celery", None)
    vars(retail_pulse).pop("celery", None)
    forget_engine()
    code = 0
    with contextlib.redirect_stdout(printed), override_settings(**settings):
        try:
            celery.main(["-A", "retail_pulse.celery", *arguments], "celery")
        except SystemExit as end:
            code = 1 if isinstance(end.code, str) else end.code or 0
            if isinstance(end.code, str):
                printed.write(end.code)
    print(json.dumps([code, printed.getvalue()]), file=answers, flush=True)
"""


@pytest.fixture(scope="module")
def commands(deployment, ours):
    """Run Celery's own commands, all in one process; each returns its exit code and what it said."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMANDS],
        cwd=CHECKOUT,
        env=os.environ
        | {"RETAIL_PULSE_HOME": str(deployment.home), "DJANGO_SETTINGS_MODULE": "retail_pulse.settings"}
        | deployment.settings(**ours),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    deployment.processes.append(process)

    def run(*arguments, **settings):
        process.stdin.write(json.dumps([arguments, settings]) + "\n")
        process.stdin.flush()
        # What should be refused, and is not, would work for ever.
        late = threading.Timer(30, process.kill)
        late.start()
        answer = process.stdout.readline()
        late.cancel()
        assert answer, f"{arguments} was not refused, or ended the process"
        code, said = json.loads(answer)
        assert "Traceback" not in said
        return code, said

    yield run
    process.stdin.close()


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


def test_a_web_process_hands_its_jobs_to_a_worker_and_works_on_none(deployment, web, worker, handed):
    assert readyz(web) == {"status": "ready", "broker": "up"}
    deployment.wait_for(f"SELECT status = 'completed' FROM jobs_job WHERE id = {handed}")
    assert deployment.scalar("SELECT count(*) FROM jobs_worker") == 1
    assert kept_since_the_start(deployment) == 0


def test_a_command_tells_the_workers_of_its_job(deployment, worker, ours, images):
    visits = deployment.home / "visits.csv"
    visits.write_text(f"store_id,image_url,visit_time\nDEMO0001,{images.url}/{images.names[0]},2026-11-22\n")
    command = deployment.start("submit", str(visits), **ours)
    assert command.wait(30) == 0, command.stdout.read()
    deployment.wait_for("SELECT bool_and(status <> 'ongoing') FROM jobs_job")


def test_while_the_broker_is_away_readyz_says_so_and_the_job_is_done(deployment, web, worker, redis, images):
    deployment.wait_for("SELECT count(*) = 1 FROM jobs_worker")
    redis.kill()
    try:
        wait_for(lambda: readyz(web) == {"status": "ready", "broker": "away"}, pause=0.1)
        finish(deployment, web, images)
    finally:
        redis.start()
    wait_for(lambda: readyz(web) == {"status": "ready", "broker": "up"}, pause=0.1)
    finish(deployment, web, images)


def test_a_worker_ends_in_order(deployment, worker):
    deployment.wait_for("SELECT count(*) = 1 FROM jobs_worker")
    end(worker, deployment)


def test_celerys_own_command_is_a_worker_like_any_other(deployment, web, ours, images, commands):
    worker = celery(deployment, "worker", "-P", "threads", "-c", "1", **ours)
    finish(deployment, web, images)
    assert kept_since_the_start(deployment) == 0
    code, said = commands("inspect", "ping", "--timeout", "3")
    assert (code, "1 node online" in said) == (0, True)
    output = end(worker, deployment)
    assert "worker started" in output
    assert "Traceback" not in output


def test_a_worker_that_celery_shuts_down_ends_in_order(deployment, web, ours, redis, images):
    worker = deployment.start("work", **ours)
    # It consumes.
    finish(deployment, web, images)
    Celery(broker=redis.url, set_as_current=False).control.shutdown()
    output = worker.communicate(timeout=30)[0].decode()
    assert worker.returncode == 0, output
    assert deployment.scalar("SELECT count(*) FROM jobs_worker") == 0


def test_another_pool_is_refused_with_the_cure(commands):
    code, said = commands("worker", "-P", "threads", "-c", "2")
    assert code != 0
    assert "start it with `-P threads -c 1`" in said


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"BROKER_URL": ""}, "ENGINE=celery has no broker."),
        ({"ENGINE": "jobs.engine.threads.ThreadEngine"}, "Celery's commands need ENGINE=celery, and BROKER_URL."),
    ],
)
def test_what_is_not_set_is_said(commands, settings, sentence):
    code, said = commands("worker", **settings)
    assert code != 0
    assert sentence in said


def test_work_says_what_is_not_set(settings):
    settings.ENGINE, settings.BROKER_URL = CELERY, ""
    with pytest.raises(SystemCheckError, match=r"jobs\.E005"):
        call_command("work", skip_checks=False)
