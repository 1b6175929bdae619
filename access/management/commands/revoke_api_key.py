from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from access.models import ApiKey


class Command(BaseCommand):
    help = "End an API key: from now on it opens nothing. Nothing else of its user changes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("prefix", help="the key's second part: 1a2b3c4d5e6f of rp_1a2b3c4d5e6f_…")

    def handle(self, *, prefix: str, **options: Any) -> None:
        key = ApiKey.objects.filter(prefix=prefix).first()
        if key is None:
            raise CommandError(f"There is no API key with the prefix {prefix!r}; the admin lists them.")
        if not ApiKey.objects.filter(pk=key.pk).revoke():
            raise CommandError(f"The API key {key} was revoked on {key.revoked_at:%Y-%m-%d} already.")
        self.stdout.write(f"The API key {key} is revoked.")
