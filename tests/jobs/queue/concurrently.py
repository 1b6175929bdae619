"""Another engine or person at the same moment."""

import threading
from collections.abc import Callable

from django.db import connection

# A test that would wait for ever fails instead.
STATEMENT_TIMEOUT = "SET statement_timeout = '10s'"


class Concurrent:
    """Another engine's thread, with a connection of its own; `found` is what the call returned."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.found: object = None
        self._call = call
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(STATEMENT_TIMEOUT)
            self.found = self._call()
        finally:
            connection.close()

    def ended(self) -> object:
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.found


def blocked() -> bool:
    """Whether some statement of this database waits for a lock."""
    with connection.cursor() as cursor:
        # Within a transaction the server would go on showing what it showed first.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])
