"""A job on a terminal: where it stands, again and again, until it ends."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from django.db import InterfaceError, OperationalError, connection
from rich import progress as bars
from rich.console import Console
from rich.text import Text

from jobs.models import Job, Worker
from jobs.reporting.hosts import NONE, Waits, waits
from jobs.reporting.throughput import estimates
from jobs.states import JobState

LOOK_SECONDS = 0.5
# Between two lines where there is no terminal to draw a bar on.
LINE_SECONDS = 1.0
BAR_WIDTH = 40


class Screen:
    """Where a job's standing is shown: a bar on a terminal, else a line whenever it has changed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: bars.Progress | None = None
        self._shown = ""
        self._shown_at = float("-inf")

    @contextmanager
    def open(self) -> Iterator[None]:
        if not self._stream.isatty():
            yield
            return
        bar = bars.Progress(
            _SplitBar(), bars.TextColumn("{task.description}", markup=False), console=Console(file=self._stream)
        )
        with bar:
            self._task = bar.add_task("", total=1, split=(0, 0, 1))
            self._bar = bar
            yield

    def show(self, job: Job) -> None:
        """The job is read `with_running`."""
        if self._bar is not None:
            self._bar.update(self._task, description=standing(job), split=(job.completed, job.failed, job.total))
            return
        now = time.monotonic()
        if now - self._shown_at < LINE_SECONDS and job.state != JobState.ENDED:
            return
        line = standing(job)
        if line != self._shown:
            self._write(line)
            self._shown, self._shown_at = line, now

    def say(self, sentence: str) -> None:
        """Beside the bar, to stay."""
        if self._bar is not None:
            self._bar.console.print(sentence, markup=False, highlight=False)
        else:
            self._write(sentence)

    def _write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


class _SplitBar(bars.ProgressColumn):
    """Completed and failed images in their colours, of all."""

    def render(self, task: bars.Task) -> Text:
        completed, failed, total = task.fields["split"]
        good = BAR_WIDTH * completed // total
        # What failed is never too little to be seen.
        bad = min(BAR_WIDTH - good, max(BAR_WIDTH * failed // total, bool(failed)))
        return Text.assemble(
            ("━" * good, "green"), ("━" * bad, "red"), ("━" * (BAR_WIDTH - good - bad), "bright_black")
        )


def standing(job: Job) -> str:
    """One line on a job read `with_running`; two queries where it is running."""
    counts = f"{job.finished:,} of {job.total:,}, {job.completed:,} completed, {job.failed:,} failed"
    line = f"job {job.pk} {job.state}: {counts}"
    waiting = waits([job])
    if estimate := estimates([job], waiting).get(job.pk):
        left = (job.total - job.finished) / estimate.images_per_second
        line += f", {estimate.images_per_second:.1f} images/s, about {in_words(left)} left"
    return line + _waits_in_words(waiting.get(job.pk, NONE))


def _waits_in_words(waiting: Waits) -> str:
    if not waiting.hosts:
        return ""
    first = waiting.hosts[0]
    others = len(waiting.hosts) + waiting.more - 1
    more = f" and {others:,} more" if others else ""
    how_many = "all of them wait" if waiting.is_all else f"{waiting.images:,} wait"
    return f", {how_many} for {first.name}{more}: {first.reason}"


def in_words(seconds: float) -> str:
    """Such as `40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def watch(job_id: int, stream: TextIO | None = None) -> Job:
    """Show the job until it ends, and return it. A database that is away meanwhile is waited for.

    Raises Job.DoesNotExist where it is deleted, and KeyboardInterrupt.
    """
    screen = Screen(stream or sys.stderr)
    told = away = False
    with screen.open():
        while True:
            try:
                job = Job.objects.with_running().get(pk=job_id)
                screen.show(job)
                if job.state == JobState.ENDED:
                    return job
                if not told and not Worker.objects.alive().exists():
                    screen.say("No worker is alive; the job waits until one is: start ./run serve or ./run work.")
                    told = True
                away = False
            except (OperationalError, InterfaceError):
                connection.close()
                if not away:
                    screen.say("The database is away; waiting for it.")
                away = True
            time.sleep(LOOK_SECONDS)
