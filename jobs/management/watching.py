"""Shows a job's progress on a terminal until it ends."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast

from django.db import InterfaceError, OperationalError, connection
from rich import progress as bars
from rich.console import Console
from rich.text import Text

from api.v1.job_serializers import detail_of
from client.retail_pulse_client import lines
from client.retail_pulse_client.types import JobDetail
from jobs.models import Job, Worker
from jobs.states import JobState

LOOK_SECONDS = 0.5
# The time between two lines when there is no terminal to draw a bar on.
LINE_SECONDS = 1.0
BAR_WIDTH = 40


class Screen:
    """Shows a job's status: as a bar on a terminal, otherwise as a line whenever it has changed."""

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
        """Show the job, which must be read `with_running`."""
        if self._bar is not None:
            self._bar.update(self._task, description=status_line(job), split=(job.completed, job.failed, job.total))
            return
        now = time.monotonic()
        if now - self._shown_at < LINE_SECONDS and job.state != JobState.ENDED:
            return
        line = status_line(job)
        if line != self._shown:
            self._write(line)
            self._shown, self._shown_at = line, now

    def say(self, sentence: str) -> None:
        """Print the sentence above the bar, where it stays."""
        if self._bar is not None:
            self._bar.console.print(sentence, markup=False, highlight=False)
        else:
            self._write(sentence)

    def _write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


class _SplitBar(bars.ProgressColumn):
    """A bar of all images, with completed and failed ones in their colours."""

    def render(self, task: bars.Task) -> Text:
        completed, failed, total = task.fields["split"]
        good = BAR_WIDTH * completed // total
        # Failed images are always visible, however few.
        bad = min(BAR_WIDTH - good, max(BAR_WIDTH * failed // total, bool(failed)))
        return Text.assemble(
            ("━" * good, "green"), ("━" * bad, "red"), ("━" * (BAR_WIDTH - good - bad), "bright_black")
        )


def status_line(job: Job) -> str:
    """One line about a job read `with_running`; two queries if it is running."""
    return lines.status_line(cast(JobDetail, detail_of(job)))


def watch(job_id: int, stream: TextIO | None = None) -> Job:
    """Show the job until it ends, and return it. If the database becomes unavailable, wait for it.

    Raises Job.DoesNotExist if the job is deleted, and KeyboardInterrupt.
    """
    screen = Screen(stream or sys.stderr)
    warned = unavailable = False
    with screen.open():
        while True:
            try:
                job = Job.objects.with_running().get(pk=job_id)
                screen.show(job)
                if job.state == JobState.ENDED:
                    return job
                if not warned and not Worker.objects.alive().exists():
                    screen.say("No worker is alive; the job waits until one is: start ./run serve or ./run work.")
                    warned = True
                unavailable = False
            except (OperationalError, InterfaceError):
                connection.close()
                if not unavailable:
                    screen.say("The database is unavailable; waiting for it.")
                unavailable = True
            time.sleep(LOOK_SECONDS)
