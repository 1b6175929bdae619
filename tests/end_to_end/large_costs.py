"""What a page asks of the database, what it costs, and how to ask the same again under other statistics."""

import time
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import OperationalError, connection, transaction

from insights import reading

# Of the database server's processor. At the size of `test_large_database.py`, a statement that compares all with all
# takes longer, and any other a quarter of it at most.
MOST_SECONDS = 0.6
# What sets the planner for the next statement, in a transaction of the two.
SETS = (reading.OF_MANY,)
RESET = "RESET enable_nestloop; RESET work_mem; RESET jit; RESET max_parallel_workers_per_gather"
# Of a session or a transaction: no statistics change what it takes.
OF_NO_LARGE_TABLE = (
    *("SAVEPOINT", "RELEASE", "ROLLBACK", "SET ", "SELECT set_config("),
    *('SELECT "django_session".', 'SELECT "django_content_type".'),
)


def processor_seconds():
    """What this connection's process of the server has used so far; 0 where the system does not tell."""
    # Linux's name for the clock of a process, as `clock_getcpuclockid` makes it: nothing is read from a file.
    clock = (~connection.connection.info.backend_pid << 3) | 2
    try:
        return time.clock_gettime(clock)
    except OSError:
        return 0


@dataclass
class Cost:
    statements: int = 0
    rows: int = 0
    bytes: int = 0
    # (what was set for it in its transaction, statement, parameters)
    asked: list = field(default_factory=list, repr=False)
    slow: list = field(default_factory=list)

    def __call__(self, execute, sql, params, many, context):
        before = processor_seconds()
        result = execute(sql, params, many, context)
        seconds = processor_seconds() - before
        if seconds > MOST_SECONDS:
            self.slow.append((seconds, sql, params))
        sets = self.asked[-1][1:] if self.asked and self.asked[-1][1] in SETS else None
        self.asked.append((sets, sql, params))
        self.statements += 1
        found = context["cursor"].pgresult
        if found is not None:
            self.rows += found.ntuples
            self.bytes += sum(
                len(found.get_value(row, column) or b"")
                for row in range(found.ntuples)
                for column in range(found.nfields)
            )
        if sets:
            # The page's own transaction ends here; the test's goes on.
            context["connection"].connection.execute(RESET)
        return result


@contextmanager
def cost():
    with connection.execute_wrapper(counted := Cost()):
        yield counted


@contextmanager
def undone():
    """Whatever is written, or set for the transaction, also if the time of a statement is over."""
    before = transaction.savepoint_create()
    try:
        yield
    finally:
        transaction.set_rollback(False)
        transaction.savepoint_rollback(before)


def slow_statements(asked):
    """Those that take too long, each in a transaction of its own as far as its settings go."""
    for sets, sql, params in asked:
        if sql in SETS or sql.startswith(OF_NO_LARGE_TABLE):
            continue
        before = transaction.savepoint_create() if sets or not sql.lstrip().startswith(("SELECT", "WITH")) else None
        with connection.cursor() as cursor:
            if sets:
                cursor.execute(*sets)
            try:
                with cost() as counted:
                    cursor.execute(sql, params)
            except OperationalError as error:
                yield error, sql, params
                return
        if before:
            transaction.savepoint_rollback(before)
        yield from counted.slow
