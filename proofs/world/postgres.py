"""Becomes a PostgreSQL server, which signals stop; a separate program.

    python -S -m proofs.world.postgres PROGRAMS DATA [NAME=VALUE ...]

Makes the data directory where there is none. It needs only the standard library and has one thread, because a process
with more may not enter a user namespace. Ends with a sentence on standard error where it cannot start.
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
    # The same process becomes the server, so that its parent can wait for it and kill it.
    os.execve(server, [server, "-D", os.fspath(data), *options], {"LC_ALL": "C", "TZ": "UTC"})  # noqa: S606 - fixed arguments


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
    except (launch.LaunchError, identity.NoServerUserError, OSError) as error:
        sys.exit(str(error))
