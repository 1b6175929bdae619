"""For Celery's own commands: `celery -A retail_pulse.celery worker -P threads -c 1`, `inspect`, `control`, `flower`."""

import os
import threading
from typing import Any

import django
from django.apps import apps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retail_pulse.settings")
# Where a command has done so, its log stays as it is.
if not apps.ready:
    django.setup(set_prefix=False)

from celery import signals
from celery.concurrency.thread import TaskPool
from django.conf import settings
from django.core.checks import run_checks
from django.core.management.base import CommandError
from django.db import connection

from jobs.engine.base import get_engine
from jobs.engine.celery import CeleryEngine
from jobs.management.readiness import SETTINGS_CHECKS, refuse_missing_migrations
from retail_pulse.db.timeouts import set_statement_timeout
from retail_pulse.telemetry import serve_metrics


def _engine() -> CeleryEngine:
    for error in run_checks(tags=SETTINGS_CHECKS):
        if error.is_serious():
            raise SystemExit(f"{error.msg} {error.hint}")
    engine = get_engine()
    if not isinstance(engine, CeleryEngine):
        raise SystemExit("Celery's commands need ENGINE=celery, and BROKER_URL.")
    return engine


engine = _engine()
app = engine.app
app.set_default()


@signals.setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Celery sets no logging up where somebody listens to this."""


@signals.worker_init.connect
def start_engine(sender: Any, **_: Any) -> None:
    """Raises SystemExit, in the words of `work`, where this worker could not do its work."""
    if sender.pool_cls not in (TaskPool, "threads") or sender.concurrency != 1:
        raise SystemExit("A worker needs its slots in one process: start it with `-P threads -c 1`.")
    set_statement_timeout(settings.DATABASE_PATIENCE_SECONDS)
    try:
        refuse_missing_migrations()
    except CommandError as error:
        raise SystemExit(str(error)) from error
    # Back to the pool, which is the engine's from here on.
    connection.close()
    engine.start_without_consumer()
    serve_metrics()


@signals.worker_shutting_down.connect
def stop_claiming(**_: Any) -> None:
    """Its shift ends, so that the worker need not wait for it."""
    # Not here: this is a signal handler, and the thread that it interrupts may hold the lock that this needs.
    threading.Thread(target=engine.stop_claiming).start()


@signals.worker_shutdown.connect
def stop_engine(**_: Any) -> None:
    engine.stop()
