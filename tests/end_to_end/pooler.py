"""PgBouncer, Debian's, in transaction mode in front of a database."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proofs.world.cluster import DATABASE, Cluster
from proofs.world.ports import free_port
from retail_pulse.postgres.launch import SUPERUSER
from tests.end_to_end.programs import listening

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
# Fewer than its clients have: whoever sets something for a session sets it for somebody else.
SERVER_CONNECTIONS = 4

_INI = """
[databases]
* = host=127.0.0.1 port={database_port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 200
"""


@contextmanager
def pgbouncer(cluster: Cluster) -> Iterator[str]:
    """A pooler for the databases of `cluster`; yields the address of `retail_pulse` behind it."""
    assert PGBOUNCER is not None
    port = free_port()
    # It refuses to run as root, and a test's own folder is closed to other users.
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        folder = Path(name)
        file = folder / "pgbouncer.ini"
        file.write_text(
            _INI.format(database_port=cluster.port, port=port, user=SUPERUSER, size=SERVER_CONNECTIONS, folder=folder)
        )
        root = os.geteuid() == 0
        if root:
            for path in (folder, file):
                shutil.chown(path, "nobody")
        command = [PGBOUNCER, *(["-u", "nobody"] if root else []), str(file)]
        with listening(command, port, folder / "log"):
            yield f"postgresql://{SUPERUSER}@127.0.0.1:{port}/{DATABASE}"
