"""How long is a silent database waited for?"""

import time

import psycopg
import pytest
from django.db import connection

from retail_pulse.db.timeouts import TimeoutConnection, set_statement_timeout


@pytest.fixture
def patient(django_db_blocker):
    with django_db_blocker.unblock():
        parameters = connection.get_connection_params()
    parameters.pop("pool", None)
    with TimeoutConnection.connect(**{**parameters, "dbname": "postgres", "autocommit": True}) as patient:
        yield patient
    set_statement_timeout(None)


def test_a_statement_without_an_answer_is_given_up_and_its_connection_with_it(patient):
    set_statement_timeout(0.2)
    began = time.monotonic()
    with pytest.raises(psycopg.OperationalError, match=r"not answered for 0\.2 s"):
        patient.execute("SELECT pg_sleep(20)")
    assert time.monotonic() - began < 2
    assert patient.closed


def test_a_command_waits_as_long_as_its_statement_takes(patient):
    patient.execute("SELECT pg_sleep(0.3)")
    assert not patient.closed


def test_an_answer_in_time_is_taken(patient):
    set_statement_timeout(5)
    assert patient.execute("SELECT 1").fetchone() == (1,)


def test_an_error_within_the_patience_stays_what_it_was(patient):
    set_statement_timeout(5)
    patient.execute("SET statement_timeout = 50")
    with pytest.raises(psycopg.errors.QueryCanceled):
        patient.execute("SELECT pg_sleep(20)")
    assert not patient.closed


def test_listening_for_nothing_is_not_impatience(patient):
    set_statement_timeout(0.05)
    assert list(patient.notifies(timeout=0.2)) == []
    assert not patient.closed
