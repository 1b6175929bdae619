from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, NoReturn

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import pluralize

from jobs.management.watching import in_words, watch
from jobs.models import Job
from jobs.pending_limit import TooManyPending
from jobs.queue.rank import HIGHEST_PRIORITY, LOWEST_PRIORITY
from jobs.reporting.failures import Failures, failures
from jobs.states import JobOutcome, OnError
from jobs.submission.dry_run import DryRun, Groups, dry_run
from jobs.submission.payload import parse_submission
from jobs.submission.submit import submit
from jobs.submission.visits_file import UnreadableVisits, VisitsFile, read_visits
from retail_pulse.logs.formatters import escape
from tables.cells import visible

REFUSED = 2
INTERRUPTED = 130
OUTCOMES = {JobOutcome.COMPLETED: 0, JobOutcome.FAILED: 1, JobOutcome.CANCELED: 3}
# How many lines of one kind are printed; further ones are only counted.
MOST_LINES = 10


class Command(BaseCommand):
    help = (
        "Submit the visits of FILE as a job: JSON as the API takes it, CSV or an Excel workbook with the columns "
        "store_id, visit_time and image_url, a row per image, or a job's export. Exit code 0: submitted, or with "
        "--watch completed; 1: the job failed; 2: the file cannot be read or is refused, nothing is submitted; 3: the "
        "job was canceled; 130: Ctrl-C, the job continues."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="- for standard input")
        parser.add_argument("--watch", action="store_true", help="show the job on standard error until it ends")
        parser.add_argument("--dry-run", action="store_true", help="show what would happen, submit nothing")
        parser.add_argument("--encoding", help="of a CSV file; without it UTF-8, or cp1252 where the file is not UTF-8")
        parser.add_argument("--sheet", metavar="NAME", help="of a workbook; without it the first that is not hidden")
        parser.add_argument("--on-error", choices=OnError.values, help="overrides the value in FILE")
        parser.add_argument(
            "--priority",
            type=int,
            default=0,
            choices=range(LOWEST_PRIORITY, HIGHEST_PRIORITY + 1),
            metavar="N",
            help=f"{LOWEST_PRIORITY} to {HIGHEST_PRIORITY}; each step moves the job ahead by an hour in the queue",
        )
        parser.add_argument("--user", help="the owner of the job; default: none")
        parser.add_argument("--format", choices=["text", "json"], default="text", help="the format of the output")

    def handle(
        self,
        *,
        file: str,
        watch: bool,
        dry_run: bool,
        encoding: str | None,
        sheet: str | None,
        on_error: str | None,
        priority: int,
        user: str | None,
        format: str,  # noqa: A002 - named like the option
        **options: Any,
    ) -> None:
        self.is_text = format == "text"
        self.document: dict[str, Any] = {"job_id": None}
        owner = self.find_user(user)
        visits = self.read(file, encoding, sheet)
        data = visits.body
        self.print(f"warning: {note}" for note in visits.notes)
        self.document["notes"] = visits.notes
        if not self.preview(data, owner):
            self.refuse(f"{file}: nothing is submitted.")
        if dry_run:
            self.print(["dry run, nothing submitted"])
            self.finish()
            return
        payload = parse_submission(data)
        try:
            submitted = submit(
                payload.visits,
                owner=owner,
                on_error=OnError(on_error) if on_error else payload.on_error,
                priority=priority,
            )
        except TooManyPending as error:
            # The owner has submitted something else since the check.
            self.refuse(str(error))
        job_id = self.document["job_id"] = submitted.job_id
        export = f"./run manage export {job_id}"
        self.print([f"job {job_id} submitted; results: {export}; failures: {export} --state failed"])
        code = self.follow(job_id) if watch else 0
        self.finish()
        if code:
            sys.exit(code)

    def find_user(self, name: str | None) -> User | None:
        if name is None:
            return None
        try:
            return User.objects.get_by_natural_key(name)
        except User.DoesNotExist:
            raise CommandError(f"There is no user {name!r}.", returncode=REFUSED) from None

    def read(self, file: str, encoding: str | None, sheet: str | None) -> VisitsFile:
        try:
            if file == "-":
                return read_visits(sys.stdin.buffer, "standard input", encoding=encoding, sheet=sheet)
            with open(file, "rb") as opened:
                return read_visits(opened, file, encoding=encoding, sheet=sheet)
        except UnreadableVisits as unreadable:
            self.document["errors"] = [asdict(problem) for problem in unreadable.problems]
            self.print(f"{problem.sentence}." for problem in unreadable.problems)
            self.refuse(f"{file}: nothing is submitted.")
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror or error}", returncode=REFUSED) from error

    def preview(self, data: Any, owner: User | None) -> bool:
        """Print what the submission would do; returns whether it would be accepted."""
        found = dry_run(data, owner)
        # The key's name is kept: scripts read it.
        self.document["rehearsal"] = asdict(found)
        self.print(dry_run_lines(found))
        return found.accepted

    def follow(self, job_id: int) -> int:
        """Watch the job until it ends, print what failed, and return the exit code."""
        try:
            job = watch(job_id)
        except KeyboardInterrupt:
            self.stderr.write(f"Job {job_id} continues; see its results with ./run manage export {job_id}.")
            return INTERRUPTED
        except Job.DoesNotExist:
            raise CommandError(f"Job {job_id} was deleted in the meantime.") from None
        assert job.outcome is not None
        failed = failures(job_id)
        self.document |= {
            "outcome": job.outcome,
            "counts": {"total": job.total, "completed": job.completed, "failed": job.failed},
            "failures": [asdict(group) for group in failed.groups],
            "store_errors": job.store_errors,
        }
        self.print(summary_lines(job, failed))
        return OUTCOMES[job.outcome]

    def print(self, lines: Iterator[str] | list[str]) -> None:
        for line in lines if self.is_text else ():
            # The content of a file must not control the terminal, nor hide from its reader.
            self.stdout.write(visible(escape(line)))

    def refuse(self, sentence: str) -> NoReturn:
        self.finish()
        raise CommandError(escape(sentence), returncode=REFUSED)

    def finish(self) -> None:
        if not self.is_text:
            self.stdout.write(json.dumps(self.document, ensure_ascii=False, indent=2))


def dry_run_lines(found: DryRun) -> Iterator[str]:
    """What a dry run found, in lines."""
    for error in found.errors:
        yield f"error: {error.message}"
    details: dict[str, Groups] = {
        "unknown_stores": found.unknown_stores,
        "repeated_urls": found.repeated_urls,
        "repeated_visits": found.repeated_visits,
        "refused_urls": found.refused_urls,
        "undated_visits": found.undated_visits,
        "doubtful_stores": found.doubtful_stores,
        "invisible_characters": found.invisible_characters,
        "several_urls": found.several_urls,
    }
    for warning in found.warnings:
        yield f"warning: {warning.message}"
        if (groups := details.get(warning.code)) is None:
            continue
        for group in groups.listed[:MOST_LINES]:
            places = ", ".join(group.places) + (", …" if group.count > len(group.places) else "")
            yield f"  {group.count:,} x {group.subject} ({places})"
        yield from _more(groups.total - min(len(groups.listed), MOST_LINES), "others")
    numbers = found.numbers
    took = f", about {in_words(found.seconds)}" if found.seconds is not None else ""
    yield (
        f"{numbers.images:,} image{pluralize(numbers.images)} of {numbers.visits:,} visit{pluralize(numbers.visits)} "
        f"to {numbers.stores:,} store{pluralize(numbers.stores)}, "
        f"from {numbers.hosts:,} host{pluralize(numbers.hosts)}{took}"
    )


def summary_lines(job: Job, failed: Failures) -> Iterator[str]:
    """The result of a job that has ended, in lines."""
    images = f"image{pluralize(job.total)}"
    yield f"job {job.pk} {job.outcome}: {job.completed:,} of {job.total:,} {images} completed, {job.failed:,} failed"
    for group in failed.groups[:MOST_LINES]:
        place = ", ".join(part for part in (group.host, group.area and f"area {group.area}") if part)
        yield f"  {group.images:,} x {group.code}{f' ({place})' if place else ''}: {group.message}"
    yield from _more(len(failed.groups) - MOST_LINES + failed.more, "groups of failures")
    for entry in job.store_errors[:MOST_LINES]:
        yield f"  store {entry['store_id']}: {entry['error']}"
    yield from _more(len(job.store_errors) - MOST_LINES, "stores")


def _more(number: int, what: str) -> Iterator[str]:
    if number > 0:
        yield f"  … and {number:,} more {what}"
