"""Who may call, and which people belong together."""

from access.models.api_key import LONGEST_DAYS, LONGEST_NAME, ApiKey, ApiKeyQuerySet, Scope
from access.models.role import Role
from access.models.team import MOST_MEMBERS, MOST_TEAMS, Team, TooManyMembers
from access.models.user_limits import UserLimits

__all__ = [
    "LONGEST_DAYS",
    "LONGEST_NAME",
    "MOST_MEMBERS",
    "MOST_TEAMS",
    "ApiKey",
    "ApiKeyQuerySet",
    "Role",
    "Scope",
    "Team",
    "TooManyMembers",
    "UserLimits",
]
