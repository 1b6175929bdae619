from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand

from demo.history import WEEKS
from demo.load_history import load
from jobs.models import Job


class Command(BaseCommand):
    help = (
        f"Store {WEEKS} weeks of invented visits to the stores of fixtures/stores.csv, with stories that the insights "
        "find; in a database without jobs, else nothing."
    )

    def handle(self, **options: Any) -> None:
        if Job.with_deleted.exists():
            self.stdout.write("There are jobs already, so no visits were invented.")
            return
        jobs, images = load((datetime.now(UTC) - timedelta(days=1)).date())
        self.stdout.write(f"{jobs:,} jobs with {images:,} images of the last {WEEKS} weeks")
