import json
from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.template.defaultfilters import pluralize

from insights import day_sums, forecasts, rate_windows, refresh
from insights.scope import as_of


class Command(BaseCommand):
    help = (
        "Sum what has ended since the last refresh by visit, and by host and hour, for the insights. Engines do so "
        "every minute; may run beside them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["text", "json"], default="text", help="the format of the output")

    def handle(self, *, format: str, **options: Any) -> None:  # noqa: A002 - as the option is called
        done = refresh.refresh()
        for _ in chain(day_sums.slices(None), rate_windows.slices(), forecasts.slices()):
            """Each is committed."""
        mark = as_of()
        assert mark is not None  # after a refresh
        if format == "json":
            found = {"images": done.images, "visits": done.visits, "as_of": mark.isoformat()}
            self.stdout.write(json.dumps(found))
            return
        images, visits = (
            f"{done.images:,} image{pluralize(done.images)}",
            f"{done.visits:,} visit{pluralize(done.visits)}",
        )
        self.stdout.write(f"{images} read, {visits} summed anew; as of {mark:%Y-%m-%d %H:%M:%S} UTC.")
