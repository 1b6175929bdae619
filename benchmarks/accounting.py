"""The resources that processes have used, by the kernel's own accounting."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")
# Adding up the pages of a large process takes the kernel some milliseconds.
_SAMPLE_SECONDS = 0.25


def cpu_seconds(pid: int) -> float:
    """Processor time in seconds of `pid` and its descendants so far, including ended ones."""
    ticks = 0
    for each in family(pid):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # its time counts as its parent's now
        # User and system time, then those of children that were waited for; proc(5).
        ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS


class CpuMeter:
    """Processor time of `pid` and its descendants, each of one thread, to the microsecond.

    What a process used that ended meanwhile is missing.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.restart()

    def restart(self) -> None:
        self._before = self._nanoseconds()

    def seconds(self) -> float:
        """Since the last restart."""
        now = self._nanoseconds()
        return sum(used - self._before.get(pid, 0) for pid, used in now.items()) / 1e9

    def _nanoseconds(self) -> dict[int, int]:
        used = {}
        for pid in family(self._pid):
            with suppress(FileNotFoundError, ProcessLookupError):
                used[pid] = int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
        return used


class PeakMemory(threading.Thread):
    """The peak memory of processes and their descendants while the block runs, in MB.

    Pages that several of them share count once, as in the kernel's proportional set size.
    """

    def __init__(self, pids: Sequence[int]) -> None:
        super().__init__(name="peak-memory", daemon=True)
        self._pids = pids
        self._ended = threading.Event()
        self.mb = 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        while True:
            self.mb = max(self.mb, sum(_proportional_mb(each) for pid in self._pids for each in family(pid)))
            if self._ended.wait(_SAMPLE_SECONDS):
                return


def _proportional_mb(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(text.partition("\nPss:")[2].split()[0]) / 1024


def family(pid: int) -> Iterator[int]:
    """`pid` and its living descendants."""
    parents = dict(_parents())
    waiting = [pid]
    while waiting:
        yield (each := waiting.pop())
        waiting += [child for child, parent in parents.items() if parent == each]


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
