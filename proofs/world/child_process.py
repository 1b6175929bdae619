"""A module of the proofs that runs as a program of its own beside this process."""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from proofs.world.cluster import CHECKOUT


class ChildProcess:
    """`python -m MODULE ARGUMENTS…` for as long as the `with` block lasts.

    The module reads standard input and ends when that does, so that it does not outlive a killed proof.
    """

    def __init__(self, module: str, *arguments: str | Path) -> None:
        self._command = [sys.executable, "-m", module, *map(str, arguments)]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            cwd=CHECKOUT,
            start_new_session=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    @property
    def input(self) -> IO[str]:
        assert self._process is not None
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def output(self) -> IO[str]:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout
