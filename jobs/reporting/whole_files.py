"""Files at a path: each takes its name once it is complete and durable, so that whoever sees it sees a whole file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import IO


@contextmanager
def appearing(path: Path) -> Iterator[IO[bytes]]:
    """A new file, in place of one that was there before; after an error there is none of it. Raises OSError."""
    hidden = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        with hidden.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(path)
    except BaseException:  # not even Ctrl-C may leave half a file behind
        hidden.unlink(missing_ok=True)
        raise
    _make_durable(path.parent)


def _make_durable(folder: Path) -> None:
    """The names in it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
