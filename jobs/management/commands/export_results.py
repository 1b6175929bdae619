from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from jobs.models import Job
from jobs.reporting import parquet, periods
from jobs.reporting.exports import result_columns
from jobs.reporting.parts import (
    FolderInUse,
    Manifest,
    NdjsonWriter,
    PartFormat,
    claim_folder,
    column_types,
    write_manifest,
    write_parts,
)
from jobs.submission.dates import read_period

MOST_PART_ROWS = 10_000_000


class Command(BaseCommand):
    help = (
        "Export the results of a period, of all images that ended in it, into an empty folder: in parts, and a "
        "manifest.json of their rows, bytes and SHA-256, which is written last. Exit code 1: nothing, or not all, was "
        "written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        when = "a date, a day in UTC, or an RFC 3339 time"
        parser.add_argument("--from", dest="since", required=True, metavar="TIME", help=f"from then on: {when}")
        parser.add_argument("--to", dest="until", required=True, metavar="TIME", help="up to then, inclusive")
        parser.add_argument("--user", help="only results of this user's jobs")
        parser.add_argument("--format", choices=list(PartFormat), default=PartFormat.NDJSON, help="default: ndjson")
        parser.add_argument("--folder", type=Path, required=True, help="made if it is missing")
        parser.add_argument("--part-rows", type=int, default=1_000_000, help="of one part at most (default: 1000000)")

    def handle(
        self,
        *,
        since: str,
        until: str,
        user: str | None,
        format: str,  # noqa: A002 - named like the option
        folder: Path,
        part_rows: int,
        **options: Any,
    ) -> None:
        begin, end = _period(since, until)
        if not 1 <= part_rows <= MOST_PART_ROWS:
            raise CommandError(f"--part-rows must be from 1 to {MOST_PART_ROWS:,}.")
        jobs = Job.objects.all()
        if user is not None:
            if (owner := User.objects.filter(username=user).first()) is None:
                raise CommandError(f"There is no user {user}.")
            jobs = jobs.filter(owner=owner)
        columns = result_columns()
        try:
            if format == PartFormat.PARQUET:
                parquet.require()
            claim_folder(folder)
            rows = periods.rows(jobs, begin, end, columns)
            writer = parquet.ParquetWriter if format == PartFormat.PARQUET else NdjsonWriter
            parts = write_parts(folder, rows, columns, writer, format, part_rows)
            manifest = Manifest(format, begin, end, user, column_types(columns), parts)
            write_manifest(folder, manifest)
        except (FolderInUse, parquet.ParquetMissing) as error:
            raise CommandError(str(error)) from None
        except (OSError, DatabaseError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).strip()
            raise CommandError(f"{folder}: {reason}; the export is not complete, and has no manifest.") from error
        noun = "part" if len(parts) == 1 else "parts"
        self.stdout.write(f"{folder}: {manifest.rows:,} rows in {len(parts):,} {noun}, {manifest.bytes:,} bytes")


def _period(since: str, until: str) -> tuple[datetime, datetime]:
    periods_read = [read_period(text) for text in (since, until)]
    for name, text, read in zip(("--from", "--to"), (since, until), periods_read, strict=True):
        if read is None:
            raise CommandError(f"{name} {text} is neither a date such as 2026-01-31 nor an RFC 3339 time.")
    (begin, _), (_, end) = periods_read  # type: ignore[misc]
    begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    if begin >= end:
        raise CommandError("--to must not be before --from.")
    if end > (latest := periods.latest_end()):
        raise CommandError(
            "--to must be over, with all that was being recorded then: at the latest "
            f"{latest.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}."
        )
    return begin, end
