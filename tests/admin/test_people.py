"""Users, groups and teams in the admin: can somebody get more rights there than a superuser has given them?"""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from access import rights
from access.models import MOST_MEMBERS, MOST_TEAMS, Team
from access.roles import RoleName, give_role, group_of, role_of
from tests.factories import allow, make_staff

pytestmark = pytest.mark.django_db

USERS = "/admin/auth/user/"
GROUPS = "/admin/auth/group/"
TEAMS = "/admin/access/team/"


@pytest.fixture
def administrator() -> User:
    user = User.objects.create_user("administrator", password="correct horse")
    give_role(user, RoleName.ADMINISTRATOR)
    return User.objects.get(pk=user.pk)


@pytest.fixture
def browser(administrator) -> Client:
    client = Client()
    client.force_login(administrator)
    return client


@pytest.fixture
def person() -> User:
    return User.objects.create_user("person", password="as it was")


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root", password="as it was")


def form_of(user: User, **changes):
    """What the page of a user posts."""
    values = {
        "username": user.username,
        "is_active": "on",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


def change(client: Client, user: User, **changes):
    return client.post(f"{USERS}{user.pk}/change/", form_of(user, **changes))


def set_password(client: Client, user: User, new: str = "battery staple 42"):
    values = {"password1": new, "password2": new, "usable_password": "true", "set-password": "Change password"}
    return client.post(f"{USERS}{user.pk}/password/", values)


def again(user: User) -> User:
    return User.objects.get(pk=user.pk)


def test_an_administrator_makes_users_and_gives_them_roles(browser):
    new = {"username": "new", "usable_password": "false"}
    assert browser.post(f"{USERS}add/", new).status_code == 302
    user = User.objects.get(username="new")
    assert change(browser, user, groups=[group_of(RoleName.OPERATOR).pk]).status_code == 302
    assert role_of(user) == RoleName.OPERATOR
    # Chosen on the page as well as by the command, it makes its user staff.
    assert again(user).is_staff
    assert rights.may_change_all_jobs(again(user))


def test_an_administrator_may_make_another_one_but_no_superuser(browser, person):
    changes = {"groups": [group_of(RoleName.ADMINISTRATOR).pk], "is_superuser": "on"}
    assert change(browser, person, **changes).status_code == 302
    assert role_of(person) == RoleName.ADMINISTRATOR
    assert not again(person).is_superuser


def test_a_superuser_may_make_another_one(admin_client, person):
    assert change(admin_client, person, is_superuser="on", is_staff="on").status_code == 302
    assert again(person).is_superuser


@pytest.mark.parametrize("whom", ["root", "administrator"])
def test_an_administrator_changes_neither_superusers_nor_themselves(request, browser, whom):
    user = request.getfixturevalue(whom)
    before = User.objects.filter(pk=user.pk).values().get()
    assert change(browser, user, username="taken", is_active=None).status_code == 403
    assert set_password(browser, user).status_code == 403
    assert browser.post(f"{USERS}{user.pk}/delete/", {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=user.pk).values("username", "password", "is_active", "is_superuser").get() == {
        name: before[name] for name in ("username", "password", "is_active", "is_superuser")
    }
    assert browser.get(f"{USERS}{user.pk}/change/").status_code == 200


def test_a_superuser_who_was_deactivated_is_one_all_the_same(browser, root):
    User.objects.filter(pk=root.pk).update(is_active=False)
    assert change(browser, root, is_active="on").status_code == 403


def test_no_action_on_many_deletes_a_superuser(browser, root, person):
    data = {"action": "delete_selected", "_selected_action": [root.pk, person.pk], "post": "yes"}
    browser.post(USERS, data)
    assert User.objects.filter(pk__in=[root.pk, person.pk]).count() == 2


@pytest.mark.parametrize("by", ["their own", "a group", "deactivated"])
def test_nobody_is_changed_who_has_a_permission_that_one_lacks(browser, person, by):
    beyond = Permission.objects.get(codename="delete_imageresult")
    if by == "a group":
        person.groups.add(group := Group.objects.create(name="more"))
        group.permissions.add(beyond)
    else:
        person.user_permissions.add(beyond)
        User.objects.filter(pk=person.pk).update(is_active=by != "deactivated")
    assert change(browser, person, username="taken").status_code == 403
    assert set_password(browser, person).status_code == 403


def test_a_permission_that_one_lacks_is_not_given(browser, person):
    beyond = Permission.objects.get(codename="delete_imageresult")
    within = Permission.objects.get(codename="delete_job")
    more = Group.objects.create(name="more")
    more.permissions.add(beyond)
    assert change(browser, person, user_permissions=[beyond.pk]).status_code == 200
    assert change(browser, person, groups=[more.pk]).status_code == 200
    assert not again(person).get_all_permissions()
    assert change(browser, person, user_permissions=[within.pk]).status_code == 302
    assert again(person).get_all_permissions() == {"jobs.delete_job"}


def test_what_a_user_has_is_kept_when_they_are_saved(browser, person):
    give_role(person, RoleName.VIEWER)
    page = browser.get(f"{USERS}{person.pk}/change/").context["adminform"].form
    chosen = [each.pk for each in page.initial["groups"]]
    assert change(browser, person, groups=chosen, email="p@shop.test").status_code == 302
    assert role_of(person) == RoleName.VIEWER


def test_an_administrator_sets_a_password_anew(browser, person):
    assert set_password(browser, person).status_code == 302
    assert again(person).check_password("battery staple 42")


@pytest.mark.parametrize("role", [RoleName.VIEWER, RoleName.OPERATOR])
def test_no_other_role_manages_people(person, role):
    user = User.objects.create_user("other")
    give_role(user, role)
    client = Client()
    client.force_login(user)
    for path in (USERS, GROUPS, TEAMS):
        assert client.get(path).status_code == 403
    assert change(client, person, username="taken").status_code == 403
    assert not rights.may_manage_people(again(user))


def test_groups_are_changed_by_superusers_alone_whatever_permissions_others_have(admin_client, person):
    staff = make_staff("add_group", "change_group", "delete_group", "view_group")
    own = Group.objects.create(name="own")
    staff.groups.add(own)
    client = Client()
    client.force_login(staff)
    everything = {"name": "own", "permissions": list(Permission.objects.values_list("pk", flat=True))}
    for path in (f"{own.pk}/change/", "add/"):
        assert client.post(f"{GROUPS}{path}", everything).status_code == 403
    assert client.post(f"{GROUPS}{own.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{GROUPS}{own.pk}/change/").status_code == 200
    assert not own.permissions.exists()
    assert admin_client.post(f"{GROUPS}{own.pk}/change/", everything).status_code == 302
    assert own.permissions.exists()


def test_whoever_may_change_users_alone_gives_nothing_that_they_lack(person):
    staff = make_staff("change_user", "view_user")
    client = Client()
    client.force_login(staff)
    assert change(client, person, groups=[group_of(RoleName.VIEWER).pk]).status_code == 200
    assert role_of(person) is None
    assert not rights.may_give_role(staff, RoleName.VIEWER)
    assert change(client, person, is_staff="on", email="p@shop.test").status_code == 302


def test_what_may_be_done_to_many_users_is_asked_at_once(administrator, root, django_assert_num_queries):
    people = [User.objects.create_user(f"user{number}") for number in range(5)]
    allow(people[0], "delete_imageresult")
    assert rights.may_manage_people(administrator)
    with django_assert_num_queries(1):
        found = set(rights.manageable_by(administrator).filter(pk__in=[user.pk for user in [root, *people]]))
    assert found == set(people[1:])


def test_an_administrator_makes_a_team(browser, person, administrator):
    data = {"name": "North", "members": [person.pk, administrator.pk]}
    assert browser.post(f"{TEAMS}add/", data).status_code == 302
    assert set(Team.objects.get().members.all()) == {person, administrator}
    assert ">2<" in browser.get(TEAMS).text
    assert [team.name for team in browser.get(f"{TEAMS}?q=r").context["cl"].result_list] == ["North"]
    assert browser.get(f"{TEAMS}{Team.objects.get().pk}/change/").status_code == 200


@pytest.mark.parametrize(("members", "status"), [(MOST_MEMBERS, 302), (MOST_MEMBERS + 1, 200)])
def test_a_team_has_so_many_members_and_no_more(browser, members, status):
    users = User.objects.bulk_create([User(username=f"user{number}") for number in range(members)])
    answer = browser.post(f"{TEAMS}add/", {"name": "North", "members": [user.pk for user in users]})
    assert answer.status_code == status
    assert Team.objects.count() == (status == 302)
    assert (f"A team has at most {MOST_MEMBERS} members." in answer.text) == (status == 200)


@pytest.mark.parametrize(("teams", "status"), [(MOST_TEAMS, 302), (MOST_TEAMS + 1, 200)])
def test_a_user_is_in_so_many_teams_and_no_more(browser, person, teams, status):
    for number in range(teams - 1):
        Team.objects.create(name=f"team {number}").change_members(add=[person])
    answer = browser.post(f"{TEAMS}add/", {"name": "North", "members": [person.pk]})
    assert answer.status_code == status
    assert (f"person is in {MOST_TEAMS} teams, which is as many as one may be in." in answer.text) == (status == 200)
    # Their teams can be changed all the same.
    team = Team.objects.get(name="team 0")
    assert browser.post(f"{TEAMS}{team.pk}/change/", {"name": "South", "members": [person.pk]}).status_code == 302
