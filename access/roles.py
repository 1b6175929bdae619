"""Roles: which of Django's permissions each holds. Everything else asks for permissions, and for no role.

Each role is a group of Django's, see `Role`, made when the database is migrated: users have it who are members of the
group, and are staff, without which no permission concerns other users' jobs. `give_role` sees to both. A superuser may
change what the group holds; migrating again gives it what a newer version adds here, and nothing that was taken from
it. A group that happened to have a role's name before is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.contrib.auth.models import Group, User
from django.db import transaction

from access.models import Role

if TYPE_CHECKING:
    from django.apps import AppConfig


class RoleName(StrEnum):
    """From the one with the fewest rights to the one with the most."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


# Reads all jobs, with what belongs to them and what is found of them; hosts, operations, imports and alerts.
_VIEWER = {
    "jobs.view_job",
    "jobs.view_pausedhost",
    "jobs.view_worker",
    "stores.view_store",
    "stores.view_storeimport",
    "stores.view_categoryrule",
    "stores.view_areaweight",
    "stores.view_storegroup",
}
# Changes jobs and their priorities, has hosts tried again, and keeps the store master.
_OPERATOR = _VIEWER | {
    "jobs.change_job",
    "jobs.prioritize_job",
    "jobs.change_pausedhost",
    "stores.add_store",
    "stores.change_store",
    *(
        f"stores.{action}_{model}"
        for action in ("add", "change", "delete")
        for model in ("categoryrule", "areaweight", "storegroup")
    ),
}
# Deletes jobs and stores; people, their roles, teams and keys. What a superuser has besides: other superusers, and
# which permissions there are in groups.
_ADMINISTRATOR = _OPERATOR | {
    "jobs.delete_job",
    "stores.delete_store",
    "auth.view_user",
    "auth.add_user",
    "auth.change_user",
    "auth.delete_user",
    "auth.view_group",
    "access.view_team",
    "access.add_team",
    "access.change_team",
    "access.delete_team",
    "access.view_apikey",
    "access.add_apikey",
    "access.change_apikey",
}
HOLDS: Mapping[RoleName, frozenset[str]] = {
    RoleName.VIEWER: frozenset(_VIEWER),
    RoleName.OPERATOR: frozenset(_OPERATOR),
    RoleName.ADMINISTRATOR: frozenset(_ADMINISTRATOR),
}


def role_of(user: User) -> RoleName | None:
    """The one with the most rights, where somebody has several. One query."""
    names = set(Role.objects.filter(group__user=user).values_list("name", flat=True))
    return max((name for name in RoleName if name in names), key=list(RoleName).index, default=None)


def group_of(role: RoleName) -> Group:
    """Raises Role.DoesNotExist where the group was deleted; migrating makes it anew."""
    return Role.objects.select_related("group").get(name=role).group


def give_role(user: User, role: RoleName | None) -> None:
    """Give the user this role in place of any other, or none. Who may is for the caller to ask: `rights.may_give_role`.

    A role makes its user staff. Without one, they stay staff if they hold permissions otherwise.
    """
    with transaction.atomic():
        user.groups.remove(*Group.objects.filter(role__isnull=False, user=user))
        if role is not None:
            user.groups.add(group_of(role))
        elif not (user.is_superuser or user.groups.exists() or user.user_permissions.exists()):
            User.objects.filter(pk=user.pk).update(is_staff=False)
            user.is_staff = False
        make_staff_of_role(user)


def make_staff_of_role(user: User) -> None:
    """Whoever has a role is staff, however they came by it: to be called when a user's groups were changed by hand."""
    for cached in ("_perm_cache", "_user_perm_cache", "_group_perm_cache"):
        user.__dict__.pop(cached, None)
    if not user.is_staff and user.groups.filter(role__isnull=False).exists():
        User.objects.filter(pk=user.pk).update(is_staff=True)
        user.is_staff = True


def make_groups(app_config: AppConfig, using: str, apps: Apps = installed_apps, **_: Any) -> None:
    """After a migration of an app, whose permissions are there by then: give each role what it holds of them.

    Permissions that a role was given before are not given again.
    """
    try:
        roles, groups = apps.get_model("access", "Role"), apps.get_model("auth", "Group")
        permissions = apps.get_model("auth", "Permission")
    except LookupError:
        # Of a database that is migrated to a time before there were roles.
        return
    of_app = permissions.objects.using(using).filter(content_type__app_label=app_config.label)
    wanted = {name: _of_app(held, app_config.label) for name, held in HOLDS.items()}
    if not any(wanted.values()):
        return
    ids = {f"{app_config.label}.{codename}": pk for pk, codename in of_app.values_list("pk", "codename")}
    with transaction.atomic(using=using):
        known = {role.name: role for role in roles.objects.using(using).select_for_update()}
        for name in RoleName:
            role = known.get(name)
            if role is None:
                taken = set(groups.objects.using(using).values_list("name", flat=True))
                free = next(each for each in chain([name], (f"{name} {n}" for n in count(2))) if each not in taken)
                group = groups.objects.using(using).create(name=free)
                role = roles.objects.using(using).create(name=name, group=group)
            new = {permission for permission in wanted[name] if permission in ids} - set(role.given)
            if new:
                role.group.permissions.add(*(ids[permission] for permission in new))
                role.given = sorted({*role.given, *new})
                role.save(using=using, update_fields=["given"])


def _of_app(held: Iterable[str], label: str) -> set[str]:
    return {permission for permission in held if permission.startswith(f"{label}.")}
