from argparse import ArgumentTypeError
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from access.limits import limits_of
from access.models.user_limits import UserLimits

AS_SET = "default"
FIELDS = ("requests_per_minute", "pending_images", "priority")


class Command(BaseCommand):
    help = "Set limits of a user; without options, show them. What is not named stays as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", metavar="NAME")
        about = (
            f"requests of the API, 0 for no limit; or {AS_SET}",
            f"unfinished images at once; or {AS_SET}",
            f"of jobs that name none, and the highest without a permission, -9 to 9; or {AS_SET}",
        )
        for field, text in zip(FIELDS, about, strict=True):
            parser.add_argument(f"--{field.replace('_', '-')}", metavar="N", type=_number, default=..., help=text)

    def handle(self, *, username: str, **options: Any) -> None:
        user = User.objects.select_related("limits").filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username!r}.")
        named = {field: options[field] for field in FIELDS if options[field] is not ...}
        if named:
            row = getattr(user, "limits", None) or UserLimits(user=user)
            for field, value in named.items():
                setattr(row, field, value)
            try:
                row.full_clean()
            except ValidationError as error:
                faults = error.message_dict.items()
                sentences = (f"--{field.replace('_', '-')}: {' '.join(found)}" for field, found in faults)
                raise CommandError(" ".join(sentences)) from None
            row.save()
        limits = limits_of(user)
        requests = f"{limits.requests_per_minute:,}" if limits.requests_per_minute else "any number of"
        self.stdout.write(
            f"{username}: {requests} requests a minute, {limits.pending_images:,} pending images, "
            f"priority {limits.priority}."
        )


def _number(text: str) -> int | None:
    try:
        return None if text == AS_SET else int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is neither a whole number nor {AS_SET!r}.") from None
