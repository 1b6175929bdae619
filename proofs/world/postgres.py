"""Becomes a PostgreSQL server that is told by signals when to end; a program of its own.

    python -S -m proofs.world.postgres PROGRAMS DATA [NAME=VALUE ...]

Makes the data directory where there is none. It needs no package but the standard library and has one thread, because
a process that has more may not enter a user namespace. Ends with a sentence on standard error where it cannot start.
"""

import os
import sys
from pathlib import Path

from retail_pulse.postgres import identity, launch


def main(programs: Path, data: Path, settings: list[str]) -> None:
    identity.become_server_user(data.parent, programs)
    if not data.exists():
        folder = os.open(data.parent, os.O_RDONLY)
        launch.make_data_directory(programs, data, folder)
        os.close(folder)
    options = [part for setting in settings for part in ("-c", setting)]
    server = os.fspath(programs / "postgres")
    # The same process goes on as the server, so that whoever started it may wait for it and kill it.
    os.execve(server, [server, "-D", os.fspath(data), *options], {"LC_ALL": "C", "TZ": "UTC"})  # noqa: S606 - fixed arguments


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
    except (launch.LaunchError, identity.NoServerUserError, OSError) as error:
        sys.exit(str(error))
