import ipaddress
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from jobs.management.readiness import SETTINGS_CHECKS, refuse_missing_migrations
from retail_pulse.gunicorn import Server
from stores.models import Store


class Command(BaseCommand):
    help = "Serve the dashboard, the API and the admin, and process the queue, until SIGTERM or Ctrl-C."
    requires_system_checks = SETTINGS_CHECKS

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
        if settings.API_OPEN_IS_UNSET and is_loopback(host):
            # The server logs this once it listens.
            settings.API_OPEN = True
        connection.close()
        # The pool has threads, and the workers are forked; django-stubs does not know pools.
        connection.close_pool()  # type: ignore[attr-defined]
        Server(f"[{host}]:{port}" if ":" in host else f"{host}:{port}").run()


def is_loopback(host: str) -> bool:
    """Whether `host` can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
