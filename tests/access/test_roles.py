"""Does each role hold what `access/roles.py` says, whatever a database held before, and does having it take effect?"""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command

from access import rights
from access.models import Role
from access.roles import HOLDS, RoleName, give_role, group_of, make_groups, role_of
from tests.factories import allow

pytestmark = pytest.mark.django_db


def held(role: RoleName) -> set[str]:
    found = group_of(role).permissions.values_list("content_type__app_label", "codename")
    return {f"{label}.{codename}" for label, codename in found}


def migrate_again() -> None:
    for config in apps.get_app_configs():
        make_groups(config, "default")


def permission(name: str) -> Permission:
    label, codename = name.split(".")
    return Permission.objects.get(content_type__app_label=label, codename=codename)


@pytest.fixture
def person():
    return User.objects.create_user("person")


@pytest.mark.parametrize("role", RoleName)
def test_a_new_database_has_each_role_with_what_it_holds(role):
    assert held(role) == HOLDS[role]
    assert Role.objects.get(name=role).group.name == role


def test_each_role_holds_what_the_one_before_it_does():
    assert HOLDS[RoleName.VIEWER] < HOLDS[RoleName.OPERATOR] < HOLDS[RoleName.ADMINISTRATOR]


def test_what_a_superuser_has_changed_stays_when_the_database_is_migrated_again():
    group = group_of(RoleName.OPERATOR)
    group.permissions.remove(permission("jobs.prioritize_job"))
    group.permissions.add(permission("jobs.delete_job"))
    Group.objects.filter(pk=group.pk).update(name="Night shift")
    migrate_again()
    assert held(RoleName.OPERATOR) == HOLDS[RoleName.OPERATOR] - {"jobs.prioritize_job"} | {"jobs.delete_job"}
    assert group_of(RoleName.OPERATOR).name == "Night shift"


def test_a_newer_version_gives_a_role_what_it_adds(monkeypatch):
    group_of(RoleName.VIEWER).permissions.remove(permission("jobs.view_job"))
    more = HOLDS[RoleName.VIEWER] | {"jobs.view_keptphoto"}
    monkeypatch.setitem(HOLDS, RoleName.VIEWER, more)
    migrate_again()
    assert held(RoleName.VIEWER) == more - {"jobs.view_job"}


def test_a_group_that_had_the_name_before_is_left_alone_and_is_no_role(person):
    Role.objects.all().delete()
    Group.objects.all().delete()
    own = Group.objects.create(name="operator")
    person.groups.add(own)
    migrate_again()
    assert not own.permissions.exists()
    assert role_of(person) is None
    assert group_of(RoleName.OPERATOR).name == "operator 2"
    assert held(RoleName.OPERATOR) == HOLDS[RoleName.OPERATOR]


def test_a_group_that_was_deleted_is_made_anew():
    group_of(RoleName.VIEWER).delete()
    migrate_again()
    assert held(RoleName.VIEWER) == HOLDS[RoleName.VIEWER]


def test_migrating_again_asks_little(django_assert_max_num_queries):
    with django_assert_max_num_queries(9 * 4):
        migrate_again()


def test_whoever_is_given_a_role_has_it_in_place_of_another_and_at_once(person):
    assert (role_of(person), rights.may_read_all_jobs(person)) == (None, False)
    for role in (RoleName.OPERATOR, RoleName.VIEWER):
        give_role(person, role)
        assert role_of(person) == role
        assert rights.may_read_all_jobs(person)
        assert rights.may_change_all_jobs(person) == (role == RoleName.OPERATOR)
    give_role(person, None)
    fresh = User.objects.get(pk=person.pk)
    assert (role_of(fresh), fresh.is_staff, rights.may_read_all_jobs(person)) == (None, False, False)


def test_of_several_roles_the_one_with_the_most_rights_counts(person):
    person.groups.add(*(group_of(role) for role in RoleName))
    assert role_of(person) == RoleName.ADMINISTRATOR


@pytest.mark.parametrize("also", ["permission", "group", "superuser"])
def test_who_holds_permissions_otherwise_stays_staff_without_a_role(person, also):
    if also == "permission":
        allow(person, "view_job")
    elif also == "group":
        person.groups.add(Group.objects.create(name="auditors"))
    else:
        person.is_superuser = True
        person.save()
    give_role(person, RoleName.VIEWER)
    give_role(person, None)
    assert User.objects.get(pk=person.pk).is_staff


def test_the_command_gives_a_role_and_takes_it_away(person, capsys):
    call_command("give_role", "person", "operator")
    assert role_of(person) == RoleName.OPERATOR
    assert User.objects.get(pk=person.pk).is_staff
    call_command("give_role", "person", "none")
    assert role_of(person) is None
    assert capsys.readouterr().out == "person has the role operator now.\nperson has no role now.\n"


def test_the_command_says_what_the_roles_group_lacks(person, capsys):
    group_of(RoleName.OPERATOR).permissions.remove(permission("jobs.prioritize_job"))
    call_command("give_role", "person", "operator")
    assert "lacks what the role holds at first: jobs.prioritize_job." in capsys.readouterr().err


def test_the_command_knows_users_and_roles_alone(person):
    with pytest.raises(CommandError, match="There is no user 'nobody'"):
        call_command("give_role", "nobody", "viewer")
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("give_role", "person", "king")
