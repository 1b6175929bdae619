from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import pluralize
from rich import progress as bars
from rich.console import Console

from stores.import_report import ChangedStore, ImportReport
from stores.importer import Progress, import_stores
from stores.models import Store
from stores.rejects import rejects_csv
from tables.errors import Entry, UnreadableFileError

# Stores that a dry run lists as new, as changed and as missing; the JSON report holds more.
SHOWN_STORES = 10
REJECTED = 1
UNREADABLE = 2


class Command(BaseCommand):
    help = (
        "Import the store master from CSV or an Excel workbook with the columns AreaCode, StoreName and StoreID, "
        "and perhaps Latitude and Longitude, and Timezone. "
        "Exit code 0: done; 1: rows rejected or ids twice, nothing stored; 2: the file cannot be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, store nothing")
        parser.add_argument("--if-empty", action="store_true", help="do nothing where there are stores already")
        parser.add_argument("--encoding", help="of a CSV file; without it UTF-8, or cp1252 where the file is not UTF-8")
        parser.add_argument("--sheet", metavar="NAME", help="of a workbook; without it the first that is not hidden")
        parser.add_argument("--format", choices=["text", "json"], default="text", help="of the report")
        parser.add_argument(
            "--rejects", type=Path, metavar="FILE", help="write all rejected rows there, to correct and import again"
        )
        rest = parser.add_mutually_exclusive_group()
        rest.add_argument("--prune", action="store_true", help="delete the stores missing from the file")
        rest.add_argument("--skip-rejected", action="store_true", help="store the other rows anyway")

    def handle(
        self,
        *,
        file: Path,
        dry_run: bool,
        if_empty: bool,
        encoding: str | None,
        sheet: str | None,
        format: str,  # noqa: A002 - named as the option is
        rejects: Path | None,
        prune: bool,
        skip_rejected: bool,
        **options: Any,
    ) -> None:
        if if_empty and Store.objects.exists():
            self.stdout.write("There are stores in the store master already, so nothing was imported.")
            return
        try:
            if rejects is not None and rejects.exists() and rejects.samefile(file):
                raise CommandError("--rejects would overwrite the file itself.", returncode=UNREADABLE)
            with (
                file.open("rb") as opened,
                nullcontext() if rejects is None else rejects.open("wb") as written,
                progress_bar(file.stat().st_size) as progress,
            ):
                report = import_stores(
                    opened,
                    encoding=encoding,
                    sheet=sheet,
                    dry_run=dry_run,
                    prune=prune,
                    skip_rejected=skip_rejected,
                    progress=progress,
                )
                if written is not None:
                    written.writelines(rejects_csv(opened, encoding, sheet))
        except UnreadableFileError as error:
            raise CommandError(f"{file}: {error.sentence(Entry.COMMAND)}", returncode=UNREADABLE) from error
        except OSError as error:
            raise CommandError(f"{error.filename or file}: {error.strerror or error}", returncode=UNREADABLE) from error
        if format == "json":
            self.stdout.write(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
        else:
            for line in details(report):
                self.stdout.write(line)
            self.stdout.write(report.summary())
        if report.duplicates:
            raise CommandError("Nothing stored: keep one line of each id.", returncode=REJECTED)
        if report.rejected_rows and not skip_rejected:
            raise CommandError(
                "Nothing stored: correct the rejected rows, or pass --skip-rejected to leave them out.",
                returncode=REJECTED,
            )


def details(report: ImportReport) -> Iterator[str]:
    """The lines above the summary. Cells are shown quoted and escaped: a file must not steer a terminal."""
    if report.ignored_columns:
        yield f"columns ignored: {', '.join(repr(title) for title in report.ignored_columns)}"
    for doubt in report.warnings:
        yield f"warning: {doubt.sentence}"
    for repair in report.mended:
        yield f"line {repair.line:,}: name {repair.before!r} repaired to {repair.after!r}"
    yield from _more(report.mended_names - len(report.mended), "name{s} repaired")
    for rejection in report.rejected:
        column = f", {rejection.column!r}" if rejection.column is not None else ""
        yield f"line {rejection.line:,}{column}: {rejection.reason}"
    yield from _more(report.rejected_rows - len(report.rejected), "row{s} rejected")
    for duplicate in report.duplicates:
        lines = ", ".join(f"{line:,}" for line in duplicate.lines)
        yield f"store id {duplicate.store_id!r} is in lines {lines}"
    yield from _more(report.duplicate_ids - len(report.duplicates), "duplicate id{s}")
    if report.dry_run:
        yield from difference(report)


def difference(report: ImportReport) -> Iterator[str]:
    """What would change, in at most SHOWN_STORES lines of each kind and one that counts the others."""
    for new in report.new_stores[:SHOWN_STORES]:
        yield f"line {new.line:,}: new {new.store_id!r}: {new.name!r}, area {new.area_code!r}"
    yield from _more(report.new - len(report.new_stores[:SHOWN_STORES]), "new")
    for changed in report.changed_stores[:SHOWN_STORES]:
        yield f"line {changed.line:,}: changed {changed.store_id!r}: {', '.join(_changes(changed))}"
    yield from _more(report.changed - len(report.changed_stores[:SHOWN_STORES]), "changed")
    for missing in report.missing_stores[:SHOWN_STORES]:
        yield f"missing {missing.store_id!r}: {missing.name!r}, area {missing.area_code!r}"
    yield from _more(report.missing - len(report.missing_stores[:SHOWN_STORES]), "missing")


def _changes(store: ChangedStore) -> Iterator[str]:
    if store.before.name != store.after.name:
        yield f"name {store.before.name!r} to {store.after.name!r}"
    if store.before.area_code != store.after.area_code:
        yield f"area {store.before.area_code!r} to {store.after.area_code!r}"
    if store.before.coordinates != store.after.coordinates:
        yield f"coordinates {store.before.coordinates or 'none'} to {store.after.coordinates or 'none'}"
    if store.before.timezone != store.after.timezone:
        yield f"time zone {store.before.timezone or 'none'} to {store.after.timezone or 'none'}"


def _more(number: int, what: str) -> Iterator[str]:
    """`{s}` in `what` stands for the plural's s."""
    if number:
        yield f"… and {number:,} more {what.format(s=pluralize(number))}"


@contextmanager
def progress_bar(size: int) -> Iterator[Progress]:
    """A bar on standard error, of the file's `size` in bytes, where that is a terminal; else nothing."""
    with bars.Progress(
        bars.SpinnerColumn(),
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as bar:
        task = bar.add_task("reading", total=size)

        def show(step: str, position: int) -> None:
            # How long the database takes is not known: the bar pulses.
            bar.update(task, description=step, completed=position, total=size if step == "reading" else None)

        yield show
