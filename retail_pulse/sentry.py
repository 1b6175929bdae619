"""Reports errors of web, engine and commands to Sentry, or to whatever speaks its protocol.

What becomes an event: a line of the log with level ERROR or above, an exception that ends a command or a thread. What
an event holds: the message, the exception's type and first line, the code's own source lines, and the ids by which the
log is searched. It holds no request, no body, no header, no query, no local variable: the SDK's integrations with
Django and HTTP are left out, also because they would slow down each statement and write headers into downloads.
"""

import logging
from typing import Any

import sentry_sdk
from django.core.exceptions import ImproperlyConfigured
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.integrations.threading import ThreadingIntegration
from sentry_sdk.utils import BadDsn

from retail_pulse import request_ids
from retail_pulse.logs.formatters import without_secrets

# The ids of a line's `extra` that an event takes along.
IDS = ("job", "image", "attempt", "worker", "code", "request_id")
MOST_CHARACTERS = 500
# How long the end of a process waits for events that are not sent yet.
SHUTDOWN_SECONDS = 2.0


def report_errors(dsn: str, environment: str, release: str) -> None:
    """From now on. Nothing is connected before the first error. Raises ImproperlyConfigured for a DSN that is none."""
    try:
        sentry_sdk.init(
            dsn,
            environment=environment,
            release=f"retail-pulse@{release}",
            default_integrations=False,
            auto_enabling_integrations=False,
            integrations=[
                LoggingIntegration(level=None, event_level=logging.ERROR),
                ExcepthookIntegration(),
                ThreadingIntegration(propagate_scope=False),
                DedupeIntegration(),
                AtexitIntegration(callback=lambda pending, timeout: None),
            ],
            before_send=cut_down,
            include_local_variables=False,
            max_breadcrumbs=0,
            send_default_pii=False,
            max_request_body_size="never",
            auto_session_tracking=False,
            send_client_reports=False,
            enable_backpressure_handling=False,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )
    except BadDsn:
        # Not repeated: it holds a key.
        raise ImproperlyConfigured("SENTRY_DSN: allowed is https://key@host/project, as Sentry shows it.") from None


def cut_down(event: Any, hint: dict[str, Any]) -> Any:
    """The event without what may be secret; None where it is no error of this service."""
    record: logging.LogRecord | None = hint.get("log_record")
    if record is not None and getattr(record, "status_code", None) == 503:
        return None  # the database is away: Django logs each such answer as an error
    ids = {name: getattr(record, name) for name in IDS if getattr(record, name, "") != ""}
    request_id = getattr(getattr(record, "request", None), "request_id", "") or request_ids.current()
    if request_id:
        ids["request_id"] = request_id
    for name in ("request", "breadcrumbs", "user", "modules", "server_name"):
        event.pop(name, None)
    event["extra"] = {}
    event["tags"] = {name: str(value) for name, value in ids.items()}
    if "logentry" in event:
        message = event["logentry"].get("formatted") or event["logentry"].get("message") or ""
        event["logentry"] = {"message": _harmless(message)}
    for exception in event.get("exception", {}).get("values", []):
        # The lines behind the first are PostgreSQL's details, which repeat rows.
        exception["value"] = _harmless(str(exception.get("value") or ""))
    return event


def _harmless(text: str) -> str:
    return without_secrets(text.partition("\n")[0])[:MOST_CHARACTERS]
