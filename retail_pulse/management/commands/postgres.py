import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from retail_pulse.postgres import client


class Command(BaseCommand):
    help = (
        "Runs one of PostgreSQL's own programs on the service's database, embedded or not: "
        "'postgres psql', 'postgres pg_dump --format=custom --file=FILE'."
    )
    requires_system_checks = ()  # a restore must work on a database without tables

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("program", help="psql, pg_dump, pg_restore, vacuumdb, …")
        parser.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on as they are")

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(client.run(options["program"], options["arguments"], connection.get_connection_params()))
