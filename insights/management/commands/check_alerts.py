from typing import Any

from django.core.management.base import BaseCommand
from django.template.defaultfilters import pluralize
from django.utils import timezone

from insights import alerts


class Command(BaseCommand):
    help = "Try every rule of the alerts now, as the service does once an hour; trying them twice changes nothing."

    def handle(self, **options: Any) -> None:
        number = alerts.evaluate(timezone.now())
        self.stdout.write(f"{number:,} open alert{pluralize(number)}.")
