from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models, transaction
from django.db.models.expressions import RawSQL

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# Of one team, and of one user: who belongs to all of theirs reads the jobs of a thousand users at most.
MOST_MEMBERS = 100
MOST_TEAMS = 10


class TooManyMembers(Exception):
    """A team would have more than MOST_MEMBERS members, or a user more than MOST_TEAMS teams; the text says which."""


class Team(models.Model):
    """Users who read each other's jobs, see `rights.readable_owners`."""

    name = models.CharField(max_length=100, unique=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="teams")

    def __str__(self) -> str:
        return self.name

    def change_members(self, *, add: Iterable[User] = (), remove: Iterable[User] = ()) -> None:
        """Raises TooManyMembers, and then changes nothing."""
        with transaction.atomic():
            # One after the other, since each counts.
            Team.objects.select_for_update().order_by("pk").get(pk=self.pk)
            self.members.remove(*remove)
            added = list(add)
            self.members.add(*added)
            if self.members.count() > MOST_MEMBERS:
                raise TooManyMembers(f"A team has at most {MOST_MEMBERS:,} members.")
            require_few_teams(added)


def is_in_team(user_column: str) -> RawSQL:
    """Whether the user of this column is in any, within the statement that reads the user.

    As SQL, since every request with a key reads it: built by the ORM, it would take longer than the database does.
    """
    return RawSQL(f"EXISTS (SELECT FROM access_team_members WHERE user_id = {user_column})", ())  # noqa: S611 - constants


def require_few_teams(users: Iterable[User]) -> None:
    """Raises TooManyMembers where one of them belongs to more than MOST_TEAMS teams."""
    through = Team.members.through.objects.filter(user__in=[user.pk for user in users])
    numbers = Counter(through.values_list("user__username", flat=True))
    for name, number in sorted(numbers.items()):
        if number > MOST_TEAMS:
            raise TooManyMembers(f"{name} would belong to more than {MOST_TEAMS:,} teams.")
