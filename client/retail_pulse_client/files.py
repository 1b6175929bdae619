"""Files at a path that take their name once they are complete."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import IO


@contextmanager
def appearing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name once it is complete; what is no regular file, such as a pipe, is written at once."""
    is_special = path.exists() and not path.is_file()
    # Not by `tempfile`, whose files are their owner's alone.
    written = path if is_special else path.with_name(f".{path.name[:200]}.{token_hex(4)}")
    try:
        with written.open("wb" if is_special else "xb") as file:
            yield file
            if not is_special:
                file.flush()
                os.fsync(file.fileno())
        if not is_special:
            written.replace(path)
    except BaseException as error:  # not even Ctrl-C may leave half a file behind
        if not is_special:
            written.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)
        raise


def make_durable(folder: Path) -> None:
    """The names in it, where the system can do that."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
