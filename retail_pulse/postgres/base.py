"""Django's database backend `retail_pulse.postgres`: the one for PostgreSQL, on a server that is started on demand.

Every connection, pooled or not, begins with `get_connection_params`; a pool calls it too, at each checkout. So
this is where the server is started, restarted after a crash, and given its database. Code that opens a
dedicated connection takes its parameters from the same method, whichever backend it is.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base
from django.utils.functional import cached_property
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from retail_pulse.postgres import server
from retail_pulse.postgres.client import DatabaseClient


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient
    _existing: ClassVar[set[tuple[str, str]]] = set()

    def get_connection_params(self) -> dict[str, Any]:
        address = server.ensure_running(Path(settings.RETAIL_PULSE_HOME)).address
        if name := self.settings_dict["NAME"]:
            self._ensure_database(name, address)
        return {**super().get_connection_params(), **address}

    @cached_property
    def pg_version(self) -> int:
        """The server's major version times 10,000; known without starting it, because Django's checks ask for it."""
        return server.major_version(Path(settings.RETAIL_PULSE_HOME)) * 10_000

    def _ensure_database(self, name: str, address: dict[str, str]) -> None:
        """Create the database `name` where it is missing; checked once per process."""
        if (address["host"], name) in self._existing:
            return
        with psycopg.connect(make_conninfo(dbname="postgres", **address), autocommit=True) as connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount:
                # Another first process may be faster.
                with suppress(errors.DuplicateDatabase, errors.UniqueViolation):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        self._existing.add((address["host"], name))
