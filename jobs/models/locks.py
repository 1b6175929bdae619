"""Row locks that Django's `select_for_update` cannot take."""

from __future__ import annotations

from typing import Any, Self

from django.db import connections
from django.db.models import sql
from django.db.models.sql.compiler import SQLCompiler


class LocksMixin:
    """For querysets."""

    def for_key_share(self) -> Self:
        """Read rows so that they can be updated meanwhile, and not deleted, until the transaction ends."""
        queryset: Any = self
        locking = queryset._chain()
        locking.query = locking.query.chain(_KeyShareQuery)
        return locking  # type: ignore[no-any-return]


class _KeyShareQuery(sql.Query):
    def get_compiler(self, using: Any = None, connection: Any = None, elide_empty: bool = True) -> Any:
        return _KeyShareCompiler(self, connection or connections[using], using, elide_empty)


class _KeyShareCompiler(SQLCompiler):
    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        text, params = super().as_sql(*args, **kwargs)
        return f"{text} FOR KEY SHARE", params
