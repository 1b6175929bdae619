"""Which errors of the database end an epoch, and which only ask for the same batch again?"""

import psycopg.errors
import pytest
from django.db import InterfaceError, InternalError, OperationalError

from jobs.engine.faults import is_connection_lost, is_transient


def raised(kind, cause):
    error = kind("what the driver says")
    error.__cause__ = cause
    return error


TRANSIENT = [
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.DiskFull,
    psycopg.errors.OutOfMemory,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
]
LOST = [
    psycopg.errors.AdminShutdown,
    psycopg.errors.CrashShutdown,
    psycopg.errors.CannotConnectNow,
    psycopg.errors.TooManyConnections,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.OperationalError,
]


@pytest.mark.parametrize("cause", TRANSIENT)
def test_the_same_batch_is_tried_again(cause):
    error = raised(OperationalError, cause())
    assert is_transient(error)
    assert not is_connection_lost(error)


@pytest.mark.parametrize("cause", LOST)
def test_the_connection_is_given_up(cause):
    error = raised(OperationalError, cause())
    assert is_connection_lost(error)
    assert not is_transient(error)


def test_a_closed_connection_is_a_lost_one():
    assert is_connection_lost(raised(InterfaceError, psycopg.InterfaceError()))


def test_behind_a_read_only_connection_is_no_primary_any_more():
    assert is_connection_lost(raised(InternalError, psycopg.errors.ReadOnlySqlTransaction()))


def test_a_refused_statement_is_neither():
    error = raised(InternalError, psycopg.errors.RaiseException())
    assert not is_connection_lost(error)
    assert not is_transient(error)
