"""Who may do what: the rules that every entry point asks by name. docs/access.md has them as a table.

A job belongs to the user who submitted it, and to nobody where the API is open. Its owner reads and changes it, and who
is in a team with its owner reads it. What concerns other users' jobs besides is for staff whom Django's own model
permissions allow it, the same that the admin asks for; superusers have all of them. `roles.py` has which permissions
make up which role. The store master has no owners: the permissions alone decide.

Scopes of API keys narrow all of this, see `permissions.WithinScope`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet

from access.limits import HIGHEST_PRIORITY, limits_of
from access.models import Team

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    type Caller = User | AnonymousUser | None


class Owned(Protocol):
    """A job: the number of its owner, None where it is nobody's."""

    owner_id: int | None


class Told(Owned, Protocol):
    """An alert: raised of all jobs, or of those of its owner."""

    of_all: bool


# The readable owners without credentials.
NOBODY: frozenset[int | None] = frozenset([None])
_OWNERS = "_retail_pulse_readable_owners"


def owner_of(caller: Caller) -> User | None:
    """Whose jobs this caller submits: their own, or nobody's without credentials."""
    return caller if caller is not None and caller.is_authenticated else None


def may_read_all_jobs(caller: Caller) -> bool:
    """Other users' jobs, their visits, images, exports and history."""
    return _staff_may(caller, "jobs.view_job", "jobs.change_job", "jobs.delete_job")


def readable_owners(caller: Caller) -> frozenset[int | None] | None:
    """Whose jobs the caller may read, with all that belongs to them: None is everybody's.

    Else they are those of users by their numbers: the caller, and who is in a team with them. Without credentials they
    are nobody's, which is the number None. At most one query for a user object, which remembers them, as it does its
    permissions; they are at most MOST_TEAMS times MOST_MEMBERS.
    """
    if may_read_all_jobs(caller):
        return None
    owner = owner_of(caller)
    if owner is None:
        return NOBODY
    known: frozenset[int | None] | None = getattr(owner, _OWNERS, None)
    if known is None:
        members = Team.members.through.objects
        mine = members.filter(user=owner.pk).values("team")
        known = frozenset([owner.pk, *members.filter(team__in=mine).values_list("user", flat=True)])
        setattr(owner, _OWNERS, known)
    return known


def remember_owners(user: User, *, has_teams: bool) -> None:
    """For who has read with the user whether they are `is_in_team`: of a user without teams, nothing is asked."""
    if not has_teams:
        setattr(user, _OWNERS, frozenset([user.pk]))


def reading_own_jobs_alone(user: User) -> User:
    """The user as one who is in no team, for what is worked out of their own jobs; of who may read all jobs, of all."""
    remember_owners(user, has_teams=False)
    return user


def anybody_who_may_read_all_jobs() -> User:
    """Somebody, who is nobody in particular, for what is worked out of all jobs."""
    return User(is_active=True, is_superuser=True)


def readable[Rows: QuerySet[Any]](rows: Rows, caller: Caller) -> Rows:
    """Those of `rows` that the caller may read: of jobs, or of something that has the `owner_id` of its job."""
    owners = readable_owners(caller)
    return rows if owners is None else rows.filter(are_of(owners))


def are_of(owners: frozenset[int | None]) -> Q:
    """The rows of these `readable_owners`."""
    if len(owners) > 1:
        return Q(owner_id__in=sorted(filter(None, owners)))
    (owner,) = owners
    return Q(owner_id=owner)


def may_change_all_jobs(caller: Caller) -> bool:
    """Cancel, pause, resume, retry and prioritize other users' jobs."""
    return _staff_may(caller, "jobs.change_job")


def may_change_job(caller: Caller, job: Owned) -> bool:
    owner = owner_of(caller)
    return job.owner_id == (owner.pk if owner else None) or may_change_all_jobs(caller)


def may_dismiss(caller: Caller, alert: Told) -> bool:
    """Dismiss an alert that the caller may read, and reopen it: as with the jobs that it is of."""
    return may_change_all_jobs(caller) if alert.of_all else may_change_job(caller, alert)


def may_delete_all_jobs(caller: Caller) -> bool:
    """Delete other users' jobs."""
    return _staff_may(caller, "jobs.delete_job")


def may_delete_job(caller: Caller, job: Owned) -> bool:
    """Delete a job for good. Its owner needs the permission for it, too, and without credentials nobody has it."""
    owner = owner_of(caller)
    is_own = owner is not None and job.owner_id == owner.pk and owner.has_perm("jobs.delete_job")
    return is_own or may_delete_all_jobs(caller)


def may_prioritize(caller: Caller, priority: int) -> bool:
    """Give a job, which the caller may submit or change, this priority.

    Without credentials there is nobody to permit it to: an open API leaves it to all who reach it.
    """
    return priority <= highest_priority(caller)


def highest_priority(caller: Caller) -> int:
    """The highest that the caller may give a job: with the permission any, else that of their limits."""
    owner = owner_of(caller)
    if owner is None or owner.has_perm("jobs.prioritize_job"):
        return HIGHEST_PRIORITY
    return limits_of(owner).priority


def needs_prioritize(caller: Caller) -> str:
    """The sentence for who may not give a job a priority."""
    most = limits_of(caller).priority
    return (
        f"A priority above {most} takes the permission to prioritize jobs, which an administrator gives; "
        f"from {most} down it takes none."
    )


def may_see_hosts(caller: Caller) -> bool:
    """The paused hosts, which concern the jobs of all users."""
    return _staff_may(caller, "jobs.view_pausedhost", "jobs.change_pausedhost")


def may_resume_hosts(caller: Caller) -> bool:
    """Have any paused host tried again. The owner of a job may do so for the hosts that its images wait for."""
    return _staff_may(caller, "jobs.change_pausedhost")


def may_see_operations(caller: Caller) -> bool:
    """The overview of the whole service, which covers everybody's jobs and the paused hosts."""
    return may_read_all_jobs(caller) and may_see_hosts(caller)


def may_import_stores(caller: Caller, *, prune: bool = False) -> bool:
    """An import adds and changes stores, and deletes some where it prunes: users who may do that by hand may import."""
    needed = ["stores.add_store", "stores.change_store"]
    return caller is not None and caller.has_perms([*needed, "stores.delete_store"] if prune else needed)


def may_edit_rules(caller: Caller) -> bool:
    """Rules of categories and weights of areas are part of the store master: whoever may change stores sets them.

    A rule may give its category's images a priority above the default, in everybody's jobs: no other permission is
    asked for, since it concerns all jobs alike.
    """
    return caller is not None and caller.has_perm("stores.change_store")


def may_see_imports(caller: Caller) -> bool:
    """Users who may import see the imports, and so do those with the permission to view them, who change nothing."""
    return may_import_stores(caller) or (caller is not None and caller.has_perm("stores.view_storeimport"))


def may_edit_categories(caller: Caller) -> bool:
    """Change categories and their keywords, and choose a store's category: users who may change stores."""
    return caller is not None and caller.has_perm("stores.change_store")


def may_change_groups(caller: Caller) -> bool:
    """Make, change and delete groups of stores: they are everybody's, as the store master is."""
    return caller is not None and caller.has_perm("stores.change_store")


def may_use_admin(caller: Caller) -> bool:
    """Sign in to the admin, which then asks for the permission of each of its pages."""
    return caller is not None and caller.is_active and caller.is_staff


def may_revoke_keys(caller: Caller) -> bool:
    return _staff_may(caller, "access.change_apikey")


def may_manage_people(caller: Caller) -> bool:
    """See the users, and change those for whom `may_manage` holds."""
    return _staff_may(caller, "auth.change_user")


def manageable_by(caller: Caller) -> QuerySet[User]:
    """The users whom the caller may change, deactivate or delete, and whose password and role they may set anew.

    Those `below` the caller: whoever sets a password has whatever it opens.
    """
    return below(caller) if may_manage_people(caller) else User.objects.none()


def below(caller: Caller) -> QuerySet[User]:
    """Not oneself, no superuser, and nobody with a permission that the caller lacks; for superusers everybody.

    Whoever may change something of users may change it of these: their limits, for example.
    """
    if caller is None:
        return User.objects.none()
    if caller.is_superuser:
        return User.objects.all()
    lacked = Permission.objects.exclude(pk__in=_permissions_of(caller).values("pk"))
    others = User.objects.filter(is_superuser=False).exclude(username=caller.get_username())
    return others.exclude(user_permissions__in=lacked).exclude(groups__permissions__in=lacked)


def may_manage(caller: Caller, user: User) -> bool:
    """Whether the user is `manageable_by` the caller. A query of its own: for many users, ask that one."""
    return manageable_by(caller).filter(pk=user.pk).exists()


def may_invite(caller: Caller) -> bool:
    """Make a user, and a link by which they set their password."""
    return may_manage_people(caller) and _staff_may(caller, "auth.add_user")


def may_make_superusers(caller: Caller) -> bool:
    """And unmake them."""
    return caller is not None and caller.is_active and caller.is_superuser


def grantable_by(caller: Caller) -> QuerySet[Permission]:
    """The permissions that the caller may give to others: their own."""
    if caller is None or not may_manage_people(caller):
        return Permission.objects.none()
    return Permission.objects.all() if caller.is_superuser else _permissions_of(caller)


def groups_grantable_by(caller: Caller) -> QuerySet[Group]:
    """The groups to which the caller may add others: those with no permission that the caller lacks.

    Roles are among them: `groups_grantable_by(caller).filter(role__name=…)`.
    """
    if caller is None or not may_manage_people(caller):
        return Group.objects.none()
    lacked = Permission.objects.exclude(pk__in=grantable_by(caller).values("pk"))
    return Group.objects.exclude(permissions__in=lacked)


def may_give_role(caller: Caller, role: str | None) -> bool:
    """Give a user, whom the caller may manage, this role; None takes away theirs."""
    if role is None:
        return may_manage_people(caller)
    return groups_grantable_by(caller).filter(role__name=role).exists()


def may_change_permission_groups(caller: Caller) -> bool:
    """Say which permissions a group, and so a role, holds: superusers alone, since it would make anybody anything."""
    return may_make_superusers(caller)


def may_see_teams(caller: Caller) -> bool:
    return _staff_may(caller, "access.view_team", "access.change_team")


def may_manage_teams(caller: Caller) -> bool:
    """Make, change and delete teams. Whoever may can read the jobs of all, by joining their teams."""
    return _staff_may(caller, "access.change_team")


def _permissions_of(user: User | AnonymousUser) -> QuerySet[Permission]:
    return Permission.objects.filter(Q(user__id=user.pk) | Q(group__user__id=user.pk)).distinct()


def _staff_may(caller: Caller, *permissions: str) -> bool:
    """Whether the caller is staff with one of these permissions, or a superuser."""
    if caller is None or not (caller.is_staff or caller.is_superuser):
        return False
    return any(caller.has_perm(permission) for permission in permissions)
