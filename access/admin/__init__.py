"""The admin's pages of people and of what they may do."""

from access.admin.api_key import ApiKeyAdmin
from access.admin.group import PermissionGroupAdmin
from access.admin.team import TeamAdmin
from access.admin.user import PersonAdmin
from access.admin.user_limits import UserLimitsAdmin

__all__ = ["ApiKeyAdmin", "PermissionGroupAdmin", "PersonAdmin", "TeamAdmin", "UserLimitsAdmin"]
