from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from access.models import Team, TooManyMembers


class Command(BaseCommand):
    help = "Make a team, add users to it and remove them, and list its members: they read each other's jobs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="of the team; made where there is none and users are added")
        parser.add_argument("--add", nargs="+", default=[], metavar="USERNAME")
        parser.add_argument("--remove", nargs="+", default=[], metavar="USERNAME")

    def handle(self, *, name: str, add: list[str], remove: list[str], **options: Any) -> None:
        longest = Team._meta.get_field("name").max_length
        if not name.isprintable() or not 1 <= len(name) <= (longest or 0):
            raise CommandError(f"A team's name has 1 to {longest} printable characters.")
        with transaction.atomic():
            added, removed = find_users(add), find_users(remove)
            team = Team.objects.get_or_create(name=name)[0] if add else Team.objects.filter(name=name).first()
            if team is None:
                raise CommandError(f"There is no team {name!r}; --add makes it.")
            try:
                team.change_members(add=added, remove=removed)
            except TooManyMembers as error:
                raise CommandError(str(error)) from None
        names = team.members.order_by("username").values_list("username", flat=True)
        self.stdout.write(f"{name}: {', '.join(names) or 'nobody'}")


def find_users(names: Iterable[str]) -> list[User]:
    wanted = set(names)
    found = list(User.objects.filter(username__in=wanted))
    if missing := sorted(wanted - {user.username for user in found}):
        raise CommandError(f"There is no user {missing[0]!r}; nothing was changed.")
    return found
