from __future__ import annotations

import json
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, NoReturn, cast

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from access.limits import HIGHEST_PRIORITY, LOWEST_PRIORITY
from api.v1.job_serializers import detail_of
from api.v1.progress import FailureGroups as FailureGroupsRow
from api.v1.validation import document_of
from client.retail_pulse_client.lines import INTERRUPTED, OUTCOMES, REFUSED, dry_run_lines, printable, result_lines
from client.retail_pulse_client.types import FailureGroups, JobDetail, RehearsalRow
from jobs.management.watching import watch
from jobs.models import Job
from jobs.pending_limit import TooManyPending
from jobs.reporting.failures import failures
from jobs.states import OnError
from jobs.submission.dry_run import dry_run
from jobs.submission.payload import parse_submission
from jobs.submission.references import ReferenceTaken
from jobs.submission.submit import submit
from jobs.submission.visit_rows import UnreadableVisits
from jobs.submission.visits_file import VisitsFile, read_visits


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ArgumentTypeError("must be NAME=VALUE")
    return name, value


def _with_details(visits: VisitsFile, said: dict[str, Any]) -> VisitsFile:
    """The same with what the options say of the job, where the file holds an object."""
    return VisitsFile({**visits.body, **said}, visits.notes) if isinstance(visits.body, dict) else visits


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
        parser.add_argument("--reference", help="the client's own id of the job; overrides the value in FILE")
        parser.add_argument(
            "--metadata",
            type=_pair,
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="what else is said of the job; repeatable; overrides the value in FILE",
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
        reference: str | None,
        metadata: list[tuple[str, str]],
        user: str | None,
        format: str,  # noqa: A002 - named like the option
        **options: Any,
    ) -> None:
        self.is_text = format == "text"
        self.document: dict[str, Any] = {"job_id": None}
        owner = self.find_user(user)
        visits = self.read(file, encoding, sheet)
        said = {"client_reference": reference, "metadata": dict(metadata) or None}
        visits = _with_details(visits, {name: value for name, value in said.items() if value is not None})
        data = visits.body
        self.document["notes"] = visits.notes
        if not self.preview(visits, owner):
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
                details=payload.details,
            )
        except (TooManyPending, ReferenceTaken) as error:
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

    def preview(self, visits: VisitsFile, owner: User | None) -> bool:
        """Print what the submission would do; returns whether it would be accepted."""
        found = dry_run(visits.body, owner)
        # The key's name is kept: scripts read it.
        self.document["rehearsal"] = asdict(found)
        self.print(dry_run_lines(cast(RehearsalRow, document_of(found, visits.notes))))
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
        self.print(result_lines(cast(JobDetail, detail_of(job)), cast(FailureGroups, FailureGroupsRow(failed).data)))
        return OUTCOMES[job.outcome]

    def print(self, lines: Iterator[str] | list[str]) -> None:
        for line in lines if self.is_text else ():
            self.stdout.write(printable(line))

    def refuse(self, sentence: str) -> NoReturn:
        self.finish()
        raise CommandError(printable(sentence), returncode=REFUSED)

    def finish(self) -> None:
        if not self.is_text:
            self.stdout.write(json.dumps(self.document, ensure_ascii=False, indent=2))
