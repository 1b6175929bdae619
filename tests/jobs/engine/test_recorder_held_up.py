"""What slots may go on doing while nothing can be recorded."""

import psycopg
import pytest
from django.db import connection

from jobs import queue
from tests.factories import submit_job
from tests.jobs.engine.test_contract import finished
from tests.waiting import wait_for

THREADS = "jobs.engine.threads.ThreadEngine"

pytestmark = pytest.mark.django_db(transaction=True)


def test_only_so_many_outcomes_wait_to_be_recorded(start_engine, images, monkeypatch):
    monkeypatch.setattr("jobs.engine.epoch.MOST_UNRECORDED", 15)
    monkeypatch.setattr("jobs.engine.epoch.ROUND_SECONDS", 0.1)
    monkeypatch.setattr("jobs.engine.pace.HOUSEKEEPING_SECONDS", 0.1)
    monkeypatch.setattr("jobs.engine.pace.POLL_SECONDS", 0.1)
    rounds = []
    due = queue.due
    monkeypatch.setattr(queue, "due", lambda: rounds.append(1) or due())
    job = submit_job([f"{images.url}/{images.names[0]}?{number}" for number in range(60)])
    parameters = connection.get_connection_params()
    plain = {name: parameters[name] for name in ("host", "port", "user", "password", "dbname") if name in parameters}
    with psycopg.connect(**plain) as blocker:
        blocker.execute("SELECT FROM jobs_job FOR UPDATE")

        engine = start_engine(THREADS)

        # 8 slots and half as many more are free again, and the claimer's next rounds leave 33 images where they are,
        # or 34: for a single one it does not ask.
        wait_for(lambda: engine.in_flight >= 26 and engine._epoch._slots.room == 12)
        so_far = len(rounds)
        wait_for(lambda: len(rounds) > so_far + 2)
        assert engine.in_flight <= 27
    assert finished(job).status == "completed"
