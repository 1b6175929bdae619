"""The resources of the processes under load: samples of them, and whether they stay the same."""

import csv
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from functools import partial
from pathlib import Path

from proofs.report import Report
from proofs.samples import fit_line
from proofs.world.broker import TriedBroker
from proofs.world.cluster import Observer
from proofs.world.processes import Process

SAMPLES = 150
WARM_UP = 1 / 3
# Of each process, so that a line can be laid through the steady ones.
LEAST_SAMPLES = 6
GROWTH_MB = 5.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The resources of one process, `seconds` after the first sample, and what all processes share."""

    seconds: float
    rss_mb: float
    threads: int
    descriptors: int
    connections: int
    """Of the whole service, to the database."""
    waiting: int = 0
    """Messages in the broker's queue."""


type Series = Mapping[str, Sequence[Sample]]
"""The samples of each process, under its name; all have the same number, taken at the same moments."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a steady state may vary by and reach."""

    threads: int
    """By how much a process's threads may vary: one between two epochs."""
    descriptors: int
    """By how much a process's descriptors may vary: every slot's kept connection."""
    connections: int
    """By how much the connections to the database may vary."""
    most_connections: int
    most_waiting: int | None = None
    """Messages in the broker's queue; None where there is no broker."""


class Sampler:
    """Samples `processes`; writes every sample at once to the CSV `file`, which is overwritten."""

    def __init__(
        self, processes: Sequence[Process], observer: Observer, broker: TriedBroker | None, file: Path | None
    ) -> None:
        self._processes = processes
        self._observer = observer
        self._broker = broker
        self._file = file
        if file is not None:
            file.write_text("")
            self._write("process", *(field.name for field in fields(Sample)))

    def run(self, seconds: float) -> Series:
        """Take about SAMPLES samples in so many seconds; ends early where a process has ended by itself."""
        series: dict[str, list[Sample]] = {process.name: [] for process in self._processes}
        begun = time.monotonic()
        while (now := time.monotonic() - begun) < seconds and not any(each.has_ended() for each in self._processes):
            connections, waiting = count_connections(self._observer), self._broker.waiting() if self._broker else 0
            for process in self._processes:
                # The youngest of the group does the work: the web server's master only waits for it.
                sample = take_sample(process.members()[-1], now, connections, waiting)
                series[process.name].append(sample)
                self._write(process.name, *astuple(sample))
            time.sleep(seconds / SAMPLES)
        return series

    def _write(self, *row: object) -> None:
        if self._file is not None:
            with self._file.open("a", newline="") as file:
                csv.writer(file).writerow(row)


def count_connections(observer: Observer) -> int:
    """How many connections the service has to the database now."""
    found = observer.query(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> 'proof'"
    )
    return int(found[0][0])


def take_sample(pid: int, seconds: float, connections: int = 0, waiting: int = 0) -> Sample:
    """The resources of the process `pid` now."""
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return Sample(
        seconds,
        rss_mb=int(status["VmRSS"].split()[0]) / 1024,
        threads=int(status["Threads"]),
        descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        connections=connections,
        waiting=waiting,
    )


def show_samples(report: Report, series: Series, limits: Limits) -> None:
    """Report the resources at the beginning, after the warm-up and at the end, and whether they are constant.

    Each bar is that of the process which comes closest to missing it.
    """
    least = min(map(len, series.values()))
    if least < LEAST_SAMPLES:
        report.bar("samples of each process", least, f">= {LEAST_SAMPLES}", ok=False)
        return
    steady = {name: samples[int(len(samples) * WARM_UP) :] for name, samples in series.items()}
    last_half = {name: samples[len(samples) // 2 :] for name, samples in steady.items()}
    _show_table(report, series, steady)

    name = _worst(steady, lambda samples: _fit_memory(samples)[0])
    slope, uncertainty = _fit_memory(steady[name])
    found = f"{slope:+.1f} ± {uncertainty:.1f} MB/h"
    report.bar("N7 RSS, slope over the steady time", found + _of(name, series), "see next", ok=True)
    name = _worst(steady, memory_growth)
    growth = memory_growth(steady[name])
    report.bar(
        "N7 RSS, growth over the last half of it",
        f"{growth:+.1f} MB" + _of(name, series),
        f"< {GROWTH_MB:g} MB",
        ok=growth < GROWTH_MB,
    )
    for what in ("threads", "descriptors"):
        name = _worst(last_half, partial(_span, what))
        _show_span(report, last_half[name], what, getattr(limits, what), _of(name, series))
    # The same in the samples of every process.
    name = next(iter(series))
    _show_span(report, last_half[name], "connections", limits.connections)
    most = max(sample.connections for sample in series[name])
    report.bar("connections at most", most, f"<= {limits.most_connections}", ok=most <= limits.most_connections)
    if limits.most_waiting is not None:
        most = max(sample.waiting for sample in series[name])
        report.bar("messages in the queue at most", most, f"<= {limits.most_waiting}", ok=most <= limits.most_waiting)


def memory_growth(steady: Sequence[Sample]) -> float:
    """By how many MB the last quarter of the samples exceeds the quarter before it, on average."""
    quarter = max(1, len(steady) // 4)
    last, before = steady[-quarter:], steady[-2 * quarter : -quarter]
    return sum(s.rss_mb for s in last) / len(last) - sum(s.rss_mb for s in before) / max(1, len(before))


def _show_table(report: Report, series: Series, steady: Series) -> None:
    columns = ("after s", "RSS MB", "threads", "descriptors", "connections", "messages")
    table = report.table("Resources", "process", *columns)
    for name, samples in series.items():
        after = steady[name]
        for each in (samples[0], after[0], after[len(after) // 2], after[-1]):
            shared = (each.connections, each.waiting)
            table.add(
                name, f"{each.seconds:.0f}", f"{each.rss_mb:.1f}", each.threads, each.descriptors, *shared, ok=True
            )


def _fit_memory(samples: Sequence[Sample]) -> tuple[float, float]:
    """The slope of the RSS in MB/h, and twice its standard error."""
    line = fit_line([sample.seconds / 3600 for sample in samples], [sample.rss_mb for sample in samples])
    return line.slope, 2 * line.error


def _span(what: str, samples: Sequence[Sample]) -> int:
    values = [getattr(sample, what) for sample in samples]
    return int(max(values) - min(values))


def _show_span(report: Report, samples: Sequence[Sample], what: str, most: int, of: str = "") -> None:
    values = [getattr(sample, what) for sample in samples]
    found = f"{min(values)} to {max(values)}{of}"
    report.bar(f"{what} over the last half", found, f"within {most}", ok=_span(what, samples) <= most)


def _worst(series: Series, figure: Callable[[Sequence[Sample]], float]) -> str:
    """The name of the process with the highest `figure`."""
    return max(series, key=lambda name: figure(series[name]))


def _of(name: str, series: Series) -> str:
    """Which process a bar's figure belongs to, where there are several."""
    return f" ({name})" if len(series) > 1 else ""
