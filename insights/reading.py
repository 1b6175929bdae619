"""Runs statements that may read many visits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction

# No planner's error may compare all with all, each group has its place in memory, and what is compiled or read in
# parallel costs more than it saves.
OF_MANY = """
    SELECT set_config('enable_nestloop', 'off', true), set_config('work_mem', '64MB', true),
        set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)
"""


def rows(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(OF_MANY)
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
