"""Connections past a transaction pooler: for a worker's lock, LISTEN and migrations, which need one session."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.conninfo import conninfo_to_dict

from retail_pulse.db.timeouts import TimeoutConnection, with_server_limit

# libpq's names of what has a name of its own in Django's settings.
_NAMES = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}


def connect_dedicated() -> psycopg.Connection[Any]:
    """A connection of the caller's own, in autocommit; with DATABASE_DIRECT_URL it bypasses a transaction pooler."""
    if settings.DATABASE_DIRECT_URL:
        own = conninfo_to_dict(settings.DATABASE_DIRECT_URL).get("options")
        options = with_server_limit(str(own or ""))
        return TimeoutConnection.connect(settings.DATABASE_DIRECT_URL, autocommit=True, options=options)
    parameters = connection.get_connection_params()
    parameters.pop("pool", None)
    return TimeoutConnection.connect(**{**parameters, "autocommit": True})


@contextmanager
def past_the_pooler(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Within it, Django's own connection leads to DATABASE_DIRECT_URL, where there is one."""
    direct: dict[str, Any] = dict(conninfo_to_dict(settings.DATABASE_DIRECT_URL))
    if not direct:
        yield
        return
    before = dict(connection.settings_dict)
    named = {django: str(direct.pop(libpq, "")) for libpq, django in _NAMES.items()}
    options = {name: value for name, value in before["OPTIONS"].items() if name != "pool"}
    connection.close()
    connection.settings_dict.update(named, OPTIONS={**options, **direct})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)
