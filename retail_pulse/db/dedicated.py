"""Connections outside Django's pool, for what needs one session for a long time: a worker's lock, and LISTEN."""

from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from psycopg.conninfo import conninfo_to_dict

from retail_pulse.db.timeouts import TimeoutConnection, with_server_limit


def connect_dedicated() -> psycopg.Connection[Any]:
    """A connection of the caller's own, in autocommit; with DATABASE_DIRECT_URL it bypasses a transaction pooler."""
    if settings.DATABASE_DIRECT_URL:
        own = conninfo_to_dict(settings.DATABASE_DIRECT_URL).get("options")
        options = with_server_limit(str(own or ""))
        return TimeoutConnection.connect(settings.DATABASE_DIRECT_URL, autocommit=True, options=options)
    parameters = connection.get_connection_params()
    parameters.pop("pool", None)
    return TimeoutConnection.connect(**{**parameters, "autocommit": True})
