from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.template.defaultfilters import pluralize

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
        looked, filed = (f"{number:,} {noun}{pluralize(number)}" for number, noun in ((jobs, "job"), (images, "image")))
        self.stdout.write(f"Looked at {looked} and filed {filed}.")
