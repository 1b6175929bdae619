import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.template.defaultfilters import pluralize

from insights import refresh
from insights.scope import as_of

INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Sum every visit and every host's hour anew from the images that there are, for the insights; what was summed "
        "of images that were deleted since is kept. May run beside engines. Exit code 0: done; 130: Ctrl-C, what is "
        "summed by then is committed, and the next rebuild begins anew."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["text", "json"], default="text", help="the format of the output")

    def handle(self, *, format: str, **options: Any) -> None:  # noqa: A002 - as the option is called
        done = refresh.Done()
        try:
            for each in refresh.rebuild():
                done += each
        except KeyboardInterrupt:
            self.stderr.write(f"Interrupted after {done.images:,} images. Begin again to sum them all.")
            sys.exit(INTERRUPTED)
        mark = as_of()
        assert mark is not None  # after a refresh
        if format == "json":
            found = {"images": done.images, "visits": done.visits, "as_of": mark.isoformat()}
            self.stdout.write(json.dumps(found))
            return
        images = f"{done.images:,} image{pluralize(done.images)}"
        wrong = f"{done.visits:,} visit{pluralize(done.visits)}" if done.visits else "no visit"
        self.stdout.write(f"{images} read, {wrong} summed otherwise than before; as of {mark:%Y-%m-%d %H:%M:%S} UTC.")
