"""Django's command line, which says in a sentence where the database is what keeps a command from its work."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

from django.core.management import ManagementUtility

if TYPE_CHECKING:
    from django.core.management.base import BaseCommand

# EX_UNAVAILABLE of sysexits.h: no command means anything else by it.
DATABASE_FAILED = 69

# PostgreSQL, appendix A: undefined columns, functions, tables and objects.
_UNDEFINED = {"42703", "42883", "42P01", "42704"}


class CommandLine(ManagementUtility):
    def fetch_command(self, subcommand: str) -> BaseCommand:
        """The command to run, once every app is loaded; from here on garbage is collected."""
        command = super().fetch_command(subcommand)
        # What is loaded stays: no collection looks at it again, and a forked child shares it.
        gc.freeze()
        gc.enable()
        return command

    def execute(self) -> None:
        """Exits with DATABASE_FAILED where the database is away or lacks migrations; `--traceback` shows where."""
        from django.db import Error

        try:
            super().execute()
        except Error as error:
            sentence = None if "--traceback" in self.argv else _sentence(error)
            if sentence is None:
                raise
            sys.stderr.write(f"CommandError: {sentence}\n")
            sys.exit(DATABASE_FAILED)


def _sentence(error: Exception) -> str | None:
    """What is wrong with the database and what to do; None for an error that a command has made itself."""
    from django.db import InterfaceError, OperationalError

    state = getattr(error.__cause__, "sqlstate", None)
    if state in _UNDEFINED:
        return _missing_migrations()
    if not isinstance(error, (OperationalError, InterfaceError)):
        return None
    said = " ".join(str(error).split())
    if state is None or state.startswith("08"):
        return f"The database cannot be reached ({said}): is it running, and is DATABASE_URL right?"
    return f"The database could not do it: {said}. Its own log says more; run the command again once that is repaired."


def _missing_migrations() -> str | None:
    from django.core.management.base import CommandError

    from jobs.management.readiness import refuse_missing_migrations

    try:
        refuse_missing_migrations()
    except CommandError as lacks:
        return str(lacks)
    return None
