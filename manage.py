#!/usr/bin/env python
"""Django's command line for Retail Pulse."""

import gc
import os
import sys

# Importing makes hundreds of thousands of objects and no garbage: looking for it takes a tenth of the start.
gc.disable()

from django.core.management import ManagementUtility  # noqa: E402
from django.core.management.base import BaseCommand  # noqa: E402


class CommandLine(ManagementUtility):
    def fetch_command(self, subcommand: str) -> BaseCommand:
        """The command to run, once every app is loaded; from here on garbage is collected."""
        command = super().fetch_command(subcommand)
        # What is loaded stays: no collection looks at it again, and a forked child shares it.
        gc.freeze()
        gc.enable()
        return command


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retail_pulse.settings")
    CommandLine(sys.argv).execute()


if __name__ == "__main__":
    main()
