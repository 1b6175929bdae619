from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.core.management.base import BaseCommand, CommandError, CommandParser

from access import links
from access.people import note
from retail_pulse.environment import is_base_url


class Command(BaseCommand):
    help = "Print a link by which a user sets a new password, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the name by which they sign in")
        add_base_url(parser)

    def handle(self, *, name: str, base_url: str, **options: Any) -> None:
        user = User.objects.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is no user {name!r}; ./run manage invite makes one.")
        if not user.is_active:
            raise CommandError(f"The user {name!r} is deactivated, so the link would open nothing.")
        require_base_url(base_url)
        show_link(self, user, base_url, links.reset)


def add_base_url(parser: CommandParser) -> None:
    parser.add_argument(
        "--base-url",
        default=settings.PUBLIC_URL,
        metavar="URL",
        help="where people reach the service, such as https://pulse.example; by default PUBLIC_URL",
    )


def require_base_url(base_url: str) -> None:
    if not is_base_url(base_url):
        raise CommandError("--base-url, or PUBLIC_URL, must say where people reach it, such as https://pulse.example.")


def show_link(command: BaseCommand, user: User, base_url: str, message: Callable[[User, str], EmailMessage]) -> None:
    """The link alone on standard output, and what else there is to know on standard error."""
    link = links.make(user, base_url.rstrip("/"))
    command.stdout.write(link)
    note(user, user, "A link to set a password was made on the command line.")
    days = settings.PASSWORD_LINK_DAYS
    command.stderr.write(f"It sets the password of {user} once, within {days} day{'s' if days > 1 else ''}.")
    is_mailed = links.mail_to(user, message(user, link))
    if is_mailed is not None:
        command.stderr.write(f"It was {'' if is_mailed else 'not '}mailed to {user.email}.")
