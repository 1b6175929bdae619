from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from access.links import invitation
from access.management.commands.reset_link import add_base_url, require_base_url, show_link
from access.models import Team, TooManyMembers
from access.people import Invitation, note
from access.roles import RoleName, give_role


class Command(BaseCommand):
    help = "Make a user without a password, and print the link by which they set one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the name by which they sign in")
        parser.add_argument("--email", default="", help="where the link is mailed as well, if EMAIL_URL is set")
        parser.add_argument("--role", choices=list(RoleName), help="by default none: they see their own jobs")
        parser.add_argument("--team", help="an existing team")
        add_base_url(parser)

    def handle(
        self, *, name: str, email: str, role: str | None, team: str | None, base_url: str, **options: Any
    ) -> None:
        require_base_url(base_url)
        form = Invitation({"username": name, "email": email})
        with transaction.atomic():
            person = form.make() if form.is_valid() else None
            if person is None:
                raise CommandError(" ".join(str(text) for texts in form.errors.values() for text in texts))
            if role:
                give_role(person, RoleName(role))
            if team:
                found = Team.objects.filter(name=team).first()
                if found is None:
                    raise CommandError(f"There is no team {team!r}; ./run manage team makes one.")
                try:
                    found.change_members(add=[person])
                except TooManyMembers as refused:
                    raise CommandError(str(refused)) from None
            note(person, person, "Invited on the command line.")
        show_link(self, person, base_url, invitation)
