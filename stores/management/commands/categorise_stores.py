from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand
from rich import progress as bars
from rich.console import Console

from stores import categorising
from stores.categorising import changing_rules
from stores.coverage import coverage
from stores.models import Store


class Command(BaseCommand):
    help = (
        "Give the stores their categories by the rules of today: those that a change of the rules has left. "
        "It may be stopped at any time, and goes on from there when it is called again."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--all", action="store_true", help="look at every store again, whatever was done before")

    def handle(self, *, all: bool, **options: Any) -> None:  # noqa: A002 - named as the option is
        if all:
            with changing_rules():
                pass
        total = Store.objects.count()
        with bars.Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task("looking at stores", total=total)
            is_done = categorising.go_on(progress=lambda checked: bar.update(task, completed=checked))
        if not is_done:
            self.stdout.write("An import or another process is at it at this moment, and goes on with it.")
        self.stdout.write(f"{coverage().sentence}.")
