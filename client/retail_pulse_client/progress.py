"""A job's progress on standard error: as a bar where tqdm is installed and a person looks, else as lines."""

import time
from typing import Any, TextIO

from .lines import printable, status_line
from .types import JobDetail

# The time between two lines.
LINE_SECONDS = 1.0

try:
    from tqdm import tqdm
except ImportError:  # the extra `progress` brings it
    tqdm = None  # type: ignore[assignment,misc]


class Progress:
    """Shows a job each time that it is given one; use it with `with`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Any = None
        self._shown_at = float("-inf")

    def __enter__(self) -> "Progress":
        if tqdm is not None and self._stream.isatty():
            self._bar = tqdm(unit=" images", file=self._stream, dynamic_ncols=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, job: JobDetail) -> None:
        counts = job["counts"]
        failed = counts["failed"] + counts["canceled"]
        if self._bar is not None:
            self._bar.total = counts["total"]
            self._bar.n = counts["completed"] + failed
            self._bar.set_description(f"job {job['id']} {job['state']}, {failed:,} failed")
            return
        now = time.monotonic()
        if now - self._shown_at >= LINE_SECONDS or job["state"] == "ended":
            self._shown_at = now
            self.say(status_line(job))

    def say(self, sentence: str) -> None:
        """Print a sentence, above the bar if there is one."""
        if self._bar is not None:
            self._bar.write(printable(sentence), file=self._stream)
        else:
            self._stream.write(f"{printable(sentence)}\n")
            self._stream.flush()
