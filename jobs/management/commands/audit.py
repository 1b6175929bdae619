import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.template.defaultfilters import pluralize

from jobs.reporting.audit import audit


class Command(BaseCommand):
    help = "Check every job and image against the service's guarantees; exit code 0 if all hold, 1 if one is broken."

    def handle(self, **options: Any) -> None:
        found = audit()
        self.stdout.write(
            f"{found.jobs:,} job{pluralize(found.jobs)} with {found.images:,} image{pluralize(found.images)}"
            + (f"; {found.deleted:,} job{pluralize(found.deleted)} deleted" if found.deleted else "")
        )
        for finding in found.findings:
            mark = "broken" if finding.count else "kept  "
            self.stdout.write(f"{mark}  {finding.check.code:<12}  {finding.check.promise}.")
            for _, what in finding.cases:
                self.stdout.write(f"          {what}")
            if finding.count > len(finding.cases):
                self.stdout.write(f"          and {finding.count - len(finding.cases):,} more")
        if not found.is_clean:
            sys.exit(1)
