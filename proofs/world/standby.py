"""A hot standby of a Cluster, which can be promoted when the first one is gone."""

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from proofs.world.cluster import Cluster
from retail_pulse.postgres import binaries, launch

NAME = "standby"


class Standby(Cluster):
    """Streams from `primary`, which from the beginning of the `with` block on waits for it at every commit.

    Each transaction that the primary has confirmed is here too.
    """

    def __init__(self, primary: Cluster, folder: Path) -> None:
        super().__init__(folder)
        self._primary = primary

    def __enter__(self) -> Self:
        try:
            self._copy()
            self.start()
            self._primary.query(f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
            self._primary.query("SELECT pg_reload_conf()")
        except BaseException:
            # As in `Cluster`: `__exit__` is not called in this case.
            self.stop("immediate")
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop("immediate")

    def promote(self) -> None:
        """Become the one that writes; returns when it does."""
        assert self.query("SELECT pg_promote(true, 60)") == [(True,)]

    def _copy(self) -> None:
        self.data.parent.mkdir(mode=0o700, parents=True)
        source = f"host=127.0.0.1 port={self._primary.port} user={launch.SUPERUSER} application_name={NAME}"
        program = binaries.find().folder / "pg_basebackup"
        options = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        subprocess.run([program, "-D", self.data, "-d", source, *options], check=True, capture_output=True)
        # Root's server runs as another user where it may not enter a namespace.
        owner = self._primary.data.stat()
        if os.geteuid() == 0 and owner.st_uid:
            for path in (self.data.parent, *self.data.parent.rglob("*")):
                shutil.chown(path, owner.st_uid, owner.st_gid)
