"""`proofs.hosts_world`, whose database has the tables of a dump: the migrations would take seconds."""

import os
import sys
from pathlib import Path
from unittest.mock import patch

from proofs import hosts_world
from tests import databases

# The environment variable that names the dump's file.
DUMP = "TEMPLATE_DUMP"


if __name__ == "__main__":
    dump = Path(os.environ[DUMP])
    with (
        patch.object(databases, "dumped_template", dump.read_bytes),
        patch.object(hosts_world, "prepare", databases.fill_from_template),
    ):
        hosts_world.main(sys.argv[1:])
