"""Does work go on when a broker is away, silent, cut off or empty?"""

import time

import pytest

from jobs.engine.base import wake_up
from tests.jobs.engine.celery.engines import CELERY, on_redis, one
from tests.jobs.engine.test_contract import finished
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@on_redis
def test_while_the_broker_is_away_work_goes_on_by_polling(broker, engine, images, unthrottled, caplog):
    broker.server.kill()
    broker.cut()
    wait_for(lambda: engine.broker == "away")
    assert finished(one(images)).status == "completed"
    broker.server.start()
    wait_for(lambda: engine.broker == "up")
    shifts = engine.shifts.total()
    assert finished(one(images)).status == "completed"
    wait_for(lambda: engine.shifts.total() > shifts)
    lines = [record for record in caplog.records if record.name == "jobs.engine.celery"]
    assert [record.getMessage() for record in lines if record.getMessage() != lines[0].getMessage()] == [
        "broker available again"
    ]
    assert (lines[0].cure, lines[0].meanwhile) == ("Is it running, and is BROKER_URL right?", "working by polling")


@on_redis
def test_a_worker_that_starts_without_its_broker_works_and_then_consumes(broker, start_engine, images):
    broker.server.kill()
    try:
        engine = start_engine(CELERY)
        assert finished(one(images)).status == "completed"
        assert (engine.broker, engine.shifts) == ("away", {})
    finally:
        broker.server.start()
    wait_for(lambda: engine.broker == "up")
    assert finished(one(images)).status == "completed"
    wait_for(lambda: engine.shifts)


def test_a_broker_that_falls_silent_holds_nobody_up(impatient, broker, engine, images):
    broker.proxy.fall_silent()
    begun = time.monotonic()
    for _ in range(30):
        wake_up()
    # To wait for the broker even once in three times would take longer.
    assert time.monotonic() - begun < 10
    wait_for(lambda: engine.broker == "away")
    assert finished(one(images)).status == "completed"
    broker.proxy.speak_again()
    wait_for(lambda: engine.broker == "up")
    shifts = engine.shifts.total()
    assert finished(one(images)).status == "completed"
    wait_for(lambda: engine.shifts.total() > shifts)


def test_cut_connections_are_made_again(broker, engine, images):
    for _ in range(3):
        broker.cut()
        assert finished(one(images)).status == "completed"
    wait_for(lambda: engine.broker == "up")


def test_a_broker_that_lost_its_queue_is_given_a_new_one(broker, engine, images):
    # Once it answers, its event loop runs: before that, Celery swallows the news.
    assert engine.app.control.inspect(timeout=10, limit=1).ping()
    broker.flush()
    shifts = engine.shifts.total()
    # The first of them may be done by polling, while the consumer asks for the queue again.
    wait_for(lambda: finished(one(images)).status == "completed" and engine.shifts.total() > shifts)
