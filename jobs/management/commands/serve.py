import ipaddress
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from stores.models import Store


class Command(BaseCommand):
    help = "Serve the API and the admin, and work the queue, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: 8000)")

    def handle(self, *, host: str, port: int, **options: Any) -> None:
        refuse_missing_migrations()
        if not Store.objects.exists():
            self.stderr.write(
                "The store master is empty, so every image will fail as unknown_store; "
                "import one: ./run manage import_stores FILE"
            )
        connection.close()
        if is_loopback(host) and os.environ.setdefault("API_OPEN", "true") == "true":
            self.stderr.write(f"The API is open to whoever reaches {host}, which is this machine alone.")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retail_pulse.settings")
        # gunicorn looks for modules where it is started, which may be anywhere.
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        # gunicorn takes this process's place, so that a signal to it is a signal to the server.
        os.execv(  # noqa: S606 - no shell is wanted
            sys.executable,
            [sys.executable, "-m", "gunicorn", "--config", "python:retail_pulse.gunicorn", "--bind", address],
        )


def is_loopback(host: str) -> bool:
    """Whether `host` can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_missing_migrations() -> None:
    """Raise CommandError where the database lacks tables that this version needs."""
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        raise CommandError(f"The database lacks {missing} migrations; run: ./run manage migrate")
