from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
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
            Team.objects.select_for_update().get(pk=self.pk)
            self.members.remove(*remove)
            members = {*self.members.all(), *add}
            self.require_room_for(members)
            self.members.add(*members)

    def require_room_for(self, members: Collection[User]) -> None:
        """Raises TooManyMembers where these, as all members of the team, would be too many, or have too many teams."""
        if len(members) > MOST_MEMBERS:
            raise TooManyMembers(f"A team has at most {MOST_MEMBERS:,} members.")
        others = Team.members.through.objects.filter(user__in=[user.pk for user in members]).exclude(team=self.pk)
        for name, number in sorted(Counter(others.values_list("user__username", flat=True)).items()):
            if number >= MOST_TEAMS:
                raise TooManyMembers(f"{name} is in {number:,} teams, which is as many as one may be in.")


def is_in_team(user_column: str) -> RawSQL:
    """Whether the user of this column is in any, within the statement that reads the user.

    As SQL, since every request with a key reads it: built by the ORM, it would take longer than the database does.
    """
    return RawSQL(f"EXISTS (SELECT FROM access_team_members WHERE user_id = {user_column})", ())  # noqa: S611 - constants
