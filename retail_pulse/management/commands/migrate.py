from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as DjangoCommand
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

from retail_pulse.db.dedicated import past_the_pooler
from retail_pulse.db.migrating import LOCK_SECONDS, TRIES, short_lock_waits, until_locked


class Command(DjangoCommand):
    """Django's own, which may run while the service does: see `db/migrating.py`.

    It needs its session for itself, so it bypasses a transaction pooler.
    """

    def execute(self, *arguments: Any, **options: Any) -> str | None:
        # The checks before the migrations ask the database too.
        with past_the_pooler(connections[options["database"]]):
            return super().execute(*arguments, **options)

    def handle(self, *arguments: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        try:
            with short_lock_waits(connection):
                until_locked(lambda: super(Command, self).handle(*arguments, **options))
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            raise CommandError(
                f"A table stayed locked: {TRIES} times the migration waited {LOCK_SECONDS:g} s for it. What was "
                "applied before it stays; run migrate again once long transactions have ended."
            ) from error
