import signal
import time
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from jobs.engine.base import get_engine
from jobs.management.readiness import SETTINGS_CHECKS, refuse_missing_migrations
from jobs.models import ImageResult
from retail_pulse.db.timeouts import set_statement_timeout
from retail_pulse.telemetry import serve_metrics

# How soon a signal, or an empty queue, is noticed.
POLL_SECONDS = 0.2


class Command(BaseCommand):
    help = (
        "Process the queue without serving requests, until SIGTERM or Ctrl-C; any number of these may run. "
        "With ENGINE=celery this is a worker of Celery, too."
    )
    requires_system_checks = SETTINGS_CHECKS

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--drain", action="store_true", help="exit once no image is pending, not even a waiting one"
        )

    def handle(self, *, drain: bool, **options: Any) -> None:
        set_statement_timeout(settings.DATABASE_PATIENCE_SECONDS)
        refuse_missing_migrations()
        # Back to the pool, which is the engine's from here on.
        connection.close()
        self.stopping = False
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self.stop)
        try:
            engine = get_engine()
            engine.start()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        serve_metrics()
        try:
            # A plain flag: a handler that set an event could interrupt the wait for that very event.
            while not self.stopping and not (drain and engine.in_flight == 0 and queue_is_empty()):
                time.sleep(POLL_SECONDS)
        finally:
            engine.stop()

    def stop(self, signum: int, frame: FrameType | None) -> None:
        self.stopping = True


def queue_is_empty() -> bool:
    """Whether no image is pending; held ones count, since an image in flight will release them."""
    try:
        return not ImageResult.objects.pending().exists()
    except DatabaseError:
        # The database is unavailable for the moment; the engine logs this and waits for it, and so does this loop.
        return False
    finally:
        connection.close()
