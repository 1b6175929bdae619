import os
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_started

from retail_pulse import health


class JobsConfig(AppConfig):
    name = "jobs"

    def ready(self) -> None:
        """Start nothing: `migrate`, tests and the autoreloader's parent come through here too.

        A process has an engine once it serves its first real request, whatever server it runs under; `serve`,
        `work` and gunicorn start theirs earlier, so that unfinished work resumes at once.
        """
        from jobs import checks  # noqa: F401 - registers them
        from jobs.engine.base import forget_engine
        from jobs.reporting.models import model_away
        from jobs.reporting.snapshots import old_snapshot

        health.notices += [old_snapshot, model_away]
        request_started.connect(start_engine, dispatch_uid="jobs.start_engine")
        os.register_at_fork(after_in_child=forget_engine)


def start_engine(sender: type, **_: Any) -> None:
    """At a request that came through a real server: the test client's handler is neither of the two."""
    from jobs.engine.base import get_engine

    if settings.ENGINE_AUTOSTART == "auto" and issubclass(sender, (WSGIHandler, ASGIHandler)):
        get_engine().start()
