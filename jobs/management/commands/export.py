from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from jobs.models import ImageFilter, Job
from jobs.reporting.exports import ExportFormat, write
from jobs.states import ImageState
from stores.models import StoreGroup


class Command(BaseCommand):
    help = (
        "Export a job's images as CSV or NDJSON to FILE, which appears once it is complete, or to standard output. "
        "Exit code 0: done; 1: there is no such job, or the file could not be written completely."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job", type=int, help="the job's id")
        parser.add_argument("file", type=Path, nargs="?", help="if missing or -, standard output")
        parser.add_argument(
            "--format",
            choices=[each.value for each in ExportFormat],
            help="default: by the extension of FILE, else csv",
        )
        parser.add_argument("--state", choices=ImageState.values, help="only images in this state")
        parser.add_argument("--code", help="only images that failed with this code, such as http_404")
        parser.add_argument("--host", help="only images of this host")
        parser.add_argument("--store", help="only images of the store with this id")
        parser.add_argument("--area", help="only images of stores in this area; '' for unknown stores")
        parser.add_argument("--group", type=int, help="only images of stores in the group with this id")

    def handle(
        self,
        *,
        job: int,
        file: Path | None,
        format: str | None,  # noqa: A002 - named like the option
        state: str | None,
        code: str | None,
        host: str | None,
        store: str | None,
        area: str | None,
        group: int | None,
        **options: Any,
    ) -> None:
        if not Job.objects.filter(pk=job).exists():
            raise CommandError(f"There is no job {job}.")
        if group is not None and not StoreGroup.objects.filter(pk=group).exists():
            raise CommandError(f"There is no group of stores {group}; /stores/groups/ lists them.")
        if file == Path("-"):
            file = None
        ending = ExportFormat.NDJSON if file and file.suffix in (".ndjson", ".jsonl") else ExportFormat.CSV
        image_filter = ImageFilter(state=state, code=code, host=host, store=store, area=area, group=group)
        try:
            written = write(job, image_filter, ExportFormat(format) if format else ending, file or sys.stdout.buffer)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader has stopped reading, which is not an error.
            sys.exit(1)
        except (OSError, DatabaseError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).strip()
            left = "nothing was written there" if file else "what was written is incomplete"
            raise CommandError(f"{file or 'standard output'}: {reason}; {left}.") from error
        if file:
            self.stdout.write(f"{file}: {written:,} bytes")
