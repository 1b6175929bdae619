from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import pluralize

from jobs import actions
from jobs.models import ImageFilter, Job
from jobs.pending_limit import TooManyPending
from jobs.queue import NotPossible


class Command(BaseCommand):
    help = "Retry a job's failed images; the job is ongoing until they are finished."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job", type=int, help="the job's id")
        parser.add_argument("--code", help="only images that failed with this code, such as http_404")

    def handle(self, *, job: int, code: str | None, **options: Any) -> None:
        try:
            retried = actions.retry(job, None, ImageFilter(code=code))
        except Job.DoesNotExist:
            raise CommandError(f"There is no job {job}.") from None
        except (NotPossible, TooManyPending) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Job {job}: {retried.reopened:,} image{pluralize(retried.reopened)} will be tried again.")
        if retried.still_unknown:
            self.stdout.write(f"{retried.still_unknown:,} stay failed, because their store is still unknown.")
