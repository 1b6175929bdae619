#!/usr/bin/env python
"""Django's command line for Retail Pulse."""

import gc
import os
import sys

# Importing makes hundreds of thousands of objects and no garbage: looking for it takes a tenth of the start.
gc.disable()

from retail_pulse.command_line import CommandLine  # noqa: E402


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retail_pulse.settings")
    CommandLine(sys.argv).execute()


if __name__ == "__main__":
    main()
