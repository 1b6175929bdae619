"""The embedded PostgreSQL, which stores the service's data when DATABASE_URL is unset.

::

    base.py      Django's database backend: makes sure that the server runs before each connection
    client.py    psql, pg_dump and their like on a connection's database
    server.py    one state directory's server: attach, start, stop with the last process
    locks.py     who may start it, who uses it, whether it is alive: file locks, never a PID alone
    launch.py    the helper process that makes the data directory and starts the server
    identity.py  the user that the server runs as, since PostgreSQL refuses to run as root
    binaries.py  where PostgreSQL's own programs are

State in RETAIL_PULSE_HOME/postgres: `data/` (PostgreSQL's), `server.log`, the socket, and three lock files.
"""
