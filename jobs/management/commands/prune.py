from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count, Sum
from django.db.models.functions import Coalesce
from django.template.defaultfilters import pluralize
from rich import progress as bars
from rich.console import Console

from jobs.deletion import Pruned, count_lost_files, old_jobs, prune
from jobs.management.age import UnclearAge, read_age
from jobs.models import Job, PhotoEvidence
from jobs.queue import database_now
from stores.models import StoreImport

REFUSED = 2
STORAGE_AWAY = 3
INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Delete the jobs that ended long ago, with their visits, images and history, the imports of stores and the "
        "evidence of photos that were stored before then, and files of photos that a crash has left behind. Totals by "
        "day stay, and so does a record of each job. Exit code 0: done; 2: --older-than is refused, nothing is "
        "deleted; 3: all is deleted but files of photos, whose storage does not answer; 130: Ctrl-C, what is left is "
        "deleted later."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than",
            required=True,
            metavar="AGE",
            help="since a job ended, such as 12h, 90d or 8w; or the date, such as 2026-01-31, before which it ended",
        )
        parser.add_argument("--dry-run", action="store_true", help="count what would be deleted, delete nothing")
        parser.add_argument("--format", choices=["text", "json"], default="text", help="the format of the output")

    def handle(self, *, older_than: str, dry_run: bool, format: str, **options: Any) -> None:  # noqa: A002 - as above
        try:
            before = read_age(older_than, database_now())
        except UnclearAge as unclear:
            raise CommandError(f"--older-than {older_than!r} {unclear}", returncode=REFUSED) from None
        try:
            with progress_bar() as watch:
                pruned = _count(before) if dry_run else prune(before, watch)
        except KeyboardInterrupt:
            self.stderr.write("Interrupted. Every job is whole, or deleted; an engine or the next prune goes on.")
            sys.exit(INTERRUPTED)
        left = Job.objects.ongoing().filter(created_at__lt=before).count()
        if format == "json":
            found = {"before": before.isoformat(), "dry_run": dry_run, **asdict(pruned), "not_ended": left}
            self.stdout.write(json.dumps(found))
        else:
            self.stdout.write(_sentence(pruned, before, dry_run=dry_run))
        if left and format != "json":
            self.stdout.write(f"{left:,} older job{pluralize(left)} kept: not ended yet.")
        if pruned.storage_error:
            raise CommandError(
                f"The storage of photos cannot be read or written ({pruned.storage_error}). Files of photos that "
                "nobody wants are deleted by an engine, or by the next prune, once it can.",
                returncode=STORAGE_AWAY,
            )


def _count(before: datetime) -> Pruned:
    """What `prune` would delete."""
    found = old_jobs(before).aggregate(jobs=Count("pk"), images=Coalesce(Sum("total"), 0))
    imports = StoreImport.objects.stored().filter(stored_at__lt=before).count()
    evidence = PhotoEvidence.objects.filter(recorded_at__lt=before).count()
    pruned = Pruned(**found, imports=imports, evidence=evidence)
    count_lost_files(pruned)
    return pruned


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error where that is a terminal, for `prune` to move; else nothing."""
    with bars.Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("deleting images", total=None)
        yield lambda done, images: bar.update(task, completed=done, total=images)


def _sentence(pruned: Pruned, before: datetime, *, dry_run: bool) -> str:
    jobs = f"{pruned.jobs:,} job{pluralize(pruned.jobs)}"
    images = f"{pruned.images:,} image{pluralize(pruned.images)}"
    imports = f"{pruned.imports:,} import{pluralize(pruned.imports)} of stores"
    files = f" and {pruned.files:,} lost file{pluralize(pruned.files)} of photos" if pruned.files else ""
    evidence = f" and the evidence of {pruned.evidence:,} photo{pluralize(pruned.evidence)}" if pruned.evidence else ""
    verb = "would be deleted" if dry_run else "deleted"
    return f"Before {before:%Y-%m-%d %H:%M} UTC: {jobs} with {images}, and {imports}{files}{evidence} {verb}."
