from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from jobs.reporting.feed_gaps import fill


class Command(BaseCommand):
    help = (
        "File in the results feed what is missing there: what ended before this version, or was recorded by an older "
        "one since. Call it once, when no process of an older version is left; it may be broken off and repeated."
    )

    def handle(self, **options: Any) -> None:
        jobs = images = 0
        for filled in fill():
            jobs, images = jobs + filled.jobs, images + filled.images
            if options["verbosity"] > 1:
                self.stdout.write(f"{jobs:,} jobs, {images:,} images")
        self.stdout.write(f"Looked at {jobs:,} jobs and filed {images:,} images.")
