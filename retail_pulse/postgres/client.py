"""PostgreSQL's own programs on the database of a Django connection: psql, pg_dump, pg_restore."""

import os
import signal
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.management.base import CommandError
from django.db.backends.postgresql import client
from psycopg.pq import Conninfo

from retail_pulse.postgres import binaries


def run(name: str, arguments: Iterable[str], parameters: Mapping[str, Any]) -> int:
    """Run the program `name` on the database of the connection `parameters`; returns its exit code.

    Raises CommandError where there is no such program.
    """
    program = binaries.find().path(name)
    if not program.is_file():
        raise CommandError(f"There is no program {name} in {program.parent}.")
    # libpq itself knows which variable each of its parameters is read from.
    variables = {
        option.envvar.decode(): str(parameters[option.keyword.decode()])
        for option in Conninfo.get_defaults()
        if option.envvar and option.keyword.decode() in parameters
    }
    # psql uses Ctrl-C to cancel a query; this process ignores it, because it keeps an embedded server running.
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return subprocess.run([program, *arguments], env={**os.environ, **variables}, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, previous)


class DatabaseClient(client.DatabaseClient):
    """`manage.py dbshell`, with the server's own psql."""

    def runshell(self, parameters: Iterable[str]) -> None:
        code = run("psql", parameters, self.connection.get_connection_params())
        if code:
            raise subprocess.CalledProcessError(code, ["psql", *parameters])
