"""Which database errors end an engine's epoch, and which only ask for the same statement again."""

from django.db import DatabaseError, InterfaceError, OperationalError

# PostgreSQL, appendix A: serialization failure, deadlock, disk full, out of memory, lock not available (a lock
# timeout), query canceled (a statement timeout). The connection survives each of them.
TRANSIENT_SQLSTATES = frozenset({"40001", "40P01", "53100", "53200", "55P03", "57014"})


# The first two: one of two transactions was broken off for the other's sake, and has done nothing.
CONFLICT_SQLSTATES = frozenset({"40001", "40P01"})


def is_conflict(error: DatabaseError) -> bool:
    """Whether the same transaction, begun anew, meets no obstacle any more."""
    return getattr(error.__cause__, "sqlstate", None) in CONFLICT_SQLSTATES


def is_transient(error: DatabaseError) -> bool:
    """Whether the same batch may succeed on the same connection a moment later."""
    return getattr(error.__cause__, "sqlstate", None) in TRANSIENT_SQLSTATES


# The same: a standby's answer to a write. Behind this address is, or was, not the primary: connect anew.
READ_ONLY_SQLSTATE = "25006"


def is_connection_lost(error: Exception) -> bool:
    """Whether the connection, not the statement, is what failed; whatever was sent may have been done or not."""
    if isinstance(error, InterfaceError) or getattr(error.__cause__, "sqlstate", None) == READ_ONLY_SQLSTATE:
        return True
    return isinstance(error, OperationalError) and not is_transient(error)
