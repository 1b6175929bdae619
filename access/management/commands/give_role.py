from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from access.roles import HOLDS, RoleName, give_role, group_of

NONE = "none"


class Command(BaseCommand):
    help = "Give a user a role in place of any other: viewer, operator or administrator; or none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("role", choices=[*RoleName, NONE])

    def handle(self, *, username: str, role: str, **options: Any) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username!r}; ./run manage invite makes one.")
        chosen = None if role == NONE else RoleName(role)
        give_role(user, chosen)
        self.stdout.write(f"{username} has {'no role' if chosen is None else f'the role {chosen}'} now.")
        if chosen is not None and (lacked := HOLDS[chosen] - _held(chosen)):
            self.stderr.write(
                f"Its group lacks what the role holds at first: {', '.join(sorted(lacked))}. "
                "A superuser gives it back in the admin."
            )


def _held(role: RoleName) -> set[str]:
    found = group_of(role).permissions.values_list("content_type__app_label", "codename")
    return {f"{label}.{codename}" for label, codename in found}
