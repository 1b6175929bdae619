import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.template.defaultfilters import pluralize

from photos import findings

INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Work out what is found about all photos anew from the evidence that there is, for example after an import of "
        "stores; what was found by evidence that was deleted since is kept. May run beside engines, twice at once, and "
        "be killed: the next one, or an engine, goes on. Exit code 0: done; 130: Ctrl-C."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--anew", action="store_true", help="begin with the first photo, if one is under way")
        parser.add_argument("--format", choices=["text", "json"], default="text", help="the format of the output")

    def handle(self, *, anew: bool, format: str, **options: Any) -> None:  # noqa: A002 - as the option is called
        photos = 0
        try:
            photos += findings.find()
            findings.begin_again(anew=anew)
            for number in findings.again():
                photos += number
        except KeyboardInterrupt:
            self.stderr.write(f"Interrupted after {photos:,} photos. An engine or the next call goes on.")
            sys.exit(INTERRUPTED)
        mark = findings.as_of()
        if format == "json":
            self.stdout.write(json.dumps({"photos": photos, "as_of": mark and mark.isoformat()}))
            return
        as_of = f"; as of {mark:%Y-%m-%d %H:%M:%S} UTC" if mark else ""
        self.stdout.write(f"{photos:,} photo{pluralize(photos)} looked at{as_of}.")
