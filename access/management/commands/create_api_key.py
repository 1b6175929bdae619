from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from access.models import LONGEST_DAYS, LONGEST_NAME, ApiKey, Scope


class Command(BaseCommand):
    help = "Make an API key and show it, once: the database keeps only a hash."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the key is for, such as till-42")
        parser.add_argument("--scope", required=True, help=f"what it may do: {','.join(Scope.values)}, or some of them")
        parser.add_argument(
            "--user",
            metavar="USERNAME",
            help="whose jobs it submits and reads; by default a new user's, named as the key",
        )
        parser.add_argument("--expires-days", type=int, metavar="N", help="days until it ends; by default never")

    def handle(self, *, name: str, scope: str, user: str | None, expires_days: int | None, **options: Any) -> None:
        if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
            raise CommandError(f"A key's name has 1 to {LONGEST_NAME} printable characters.")
        if expires_days is not None and not 1 <= expires_days <= LONGEST_DAYS:
            raise CommandError(f"--expires-days must be from 1 to {LONGEST_DAYS:,}.")
        scopes = read_scopes(scope)
        with transaction.atomic():
            owner = make_machine(name) if user is None else find_user(user)
            key, text = ApiKey.objects.create_for(owner, name, scopes, expires_days)
        self.stdout.write(text)
        self.stderr.write(
            f"Key {key.prefix} of {owner.get_username()}, for {_list(key.scopes)}. Keep it now: it is shown "
            f"this once. To end it: ./run manage revoke_api_key {key.prefix}"
        )


def _list(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def read_scopes(text: str) -> set[Scope]:
    words = {word.strip() for word in text.split(",")}
    if unknown := sorted(words - set(Scope.values)):
        raise CommandError(f"--scope knows {_list(Scope.values)}, separated by commas, but not {unknown[0]!r}.")
    return {Scope(word) for word in words}


def find_user(username: str) -> User:
    user = User.objects.filter(username=username).first()
    if user is None:
        raise CommandError(f"There is no user {username!r}; ./run manage invite makes one.")
    if not user.is_active:
        raise CommandError(f"The user {username!r} is deactivated, so the key would open nothing.")
    return user


def make_machine(name: str) -> User:
    """A user that nobody can sign in as: it has no password, and no way into the admin."""
    if User.objects.filter(username=name).exists():
        raise CommandError(
            f"There is a user {name!r} already: pass --user {name!r} to give it this key, or rename the key."
        )
    return User.objects.create_user(name)
