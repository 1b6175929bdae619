import psycopg
import pytest
from django.db import connection

from tests.jobs.queue.concurrently import STATEMENT_TIMEOUT


@pytest.fixture
def other():
    """A plain connection, whose transaction the test ends."""
    names = {"host", "port", "user", "password", "dbname"}
    parameters = {key: value for key, value in connection.get_connection_params().items() if key in names}
    with psycopg.connect(**parameters) as made:
        made.execute(STATEMENT_TIMEOUT)
        yield made
