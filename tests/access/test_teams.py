"""Whose jobs does a member of a team read, for how long, and what does it cost others to ask?"""

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from access import rights, tokens
from access.models import MOST_MEMBERS, MOST_TEAMS, Team, TooManyMembers
from access.roles import RoleName
from jobs.models import Job
from tests.access.conftest import bearer, make_key
from tests.api.v1.test_alerts import make_alert
from tests.factories import make_role, make_staff, submit_job

pytestmark = pytest.mark.django_db

NAMES = ("ann", "ben", "cat", "dan")


@pytest.fixture
def users() -> dict[str, User]:
    """Of ann and ben a team, of ben and cat another one; dan is in none."""
    found = {name: User.objects.create_user(name) for name in NAMES}
    Team.objects.create(name="north").change_members(add=[found["ann"], found["ben"]])
    Team.objects.create(name="south").change_members(add=[found["ben"], found["cat"]])
    return found


def again(user: User) -> User:
    """As the next request reads it."""
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize(
    ("reader", "owners"), [("ann", "ann ben"), ("ben", "ann ben cat"), ("cat", "ben cat"), ("dan", "dan")]
)
def test_a_member_reads_the_jobs_of_their_own_teams_and_of_no_teammates_other_ones(users, reader, owners):
    for user in users.values():
        submit_job(1, owner=user)
    submit_job(1)
    expected = set(owners.split())
    assert rights.readable_owners(users[reader]) == {users[name].pk for name in expected}
    assert set(Job.objects.visible_to(users[reader]).values_list("owner__username", flat=True)) == expected


def test_callers_without_credentials_read_what_is_nobodys_and_whoever_may_all(users):
    for caller in (None, AnonymousUser()):
        assert rights.readable_owners(caller) == {None}
    for caller in (make_role(RoleName.VIEWER), make_staff("view_job"), User.objects.create_superuser("root")):
        assert rights.readable_owners(caller) is None
    assert rights.readable_owners(make_staff(name="clerk")) == {User.objects.get(username="clerk").pk}


def test_whoever_leaves_or_joins_reads_otherwise_from_the_next_request_on(users):
    job = submit_job(1, owner=users["ann"])
    client = Client()
    client.force_login(users["ben"])
    assert client.get(f"/api/v1/jobs/{job.pk}").status_code == 200
    Team.objects.get(name="north").change_members(remove=[users["ben"]])
    assert client.get(f"/api/v1/jobs/{job.pk}").status_code == 404
    Team.objects.get(name="north").change_members(add=[users["ben"]])
    assert client.get(f"/api/v1/jobs/{job.pk}").status_code == 200
    Team.objects.get(name="north").delete()
    assert client.get(f"/api/v1/jobs/{job.pk}").status_code == 404


def test_members_change_no_job_of_each_other(users):
    job = submit_job(1, owner=users["ann"])
    assert not rights.may_change_job(users["ben"], job)
    assert not rights.may_delete_job(users["ben"], job)
    assert list(Job.objects.changeable_by(users["ben"])) == []
    client = Client()
    client.force_login(users["ben"])
    answer = client.post("/jobs/act/", {"act": "pause", "confirmed": "yes"})
    assert answer.status_code == 302
    job.refresh_from_db()
    assert job.paused_at is None


def test_an_alert_of_a_teammate_is_read_by_its_id_and_neither_listed_nor_dismissed(users):
    alert = make_alert(owner_id=users["ann"].pk)
    of_all = make_alert("all", of_all=True)
    client = Client()
    client.force_login(users["ben"])
    assert client.get(f"/api/v1/alerts/{alert.pk}").status_code == 200
    assert client.get(f"/alerts/{alert.pk}/").status_code == 200
    assert client.get("/api/v1/alerts").json()["results"] == []
    assert client.get(f"/api/v1/alerts/{of_all.pk}").status_code == 404
    answer = client.post(f"/api/v1/alerts/{alert.pk}/dismiss", {"reason": "x"}, content_type="application/json")
    assert answer.status_code == 403
    client.force_login(users["cat"])
    assert client.get(f"/api/v1/alerts/{alert.pk}").status_code == 404


def statements_about_teams(path: str, user: User, kind: str) -> list[str]:
    client = Client()
    headers = {}
    if kind == "session":
        client.force_login(user)
    else:
        headers = bearer(make_key(user)[1] if kind == "key" else tokens.issue(user).access)
    client.get(path, headers=headers)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(path, headers=headers).status_code == 200
    return [each["sql"] for each in asked if each["sql"].count('FROM "access_team_members"')]


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/areas", "/api/v1/problems?by=area", "/api/visits"])
@pytest.mark.parametrize(
    ("reader", "kind", "number"),
    [
        ("ben", "session", 1),
        ("ben", "key", 1),
        ("ben", "token", 1),
        # Whether there is any team was read with the user.
        ("dan", "session", 0),
        ("dan", "key", 0),
        ("dan", "token", 0),
    ],
)
def test_teams_are_asked_for_once_in_a_request_and_not_for_a_caller_without_any(users, path, reader, kind, number):
    assert len(statements_about_teams(path, users[reader], kind)) == number


def test_who_may_read_all_jobs_asks_for_no_team(users):
    assert statements_about_teams("/api/v1/jobs", make_role(RoleName.VIEWER), "session") == []


def test_a_submission_asks_for_no_team(users):
    with CaptureQueriesContext(connection) as asked:
        submit_job(1, owner=users["ben"])
    assert not [each for each in asked if "access_team" in each["sql"]]


def test_the_command_makes_a_team_changes_it_and_shows_it(users, capsys):
    call_command("team", "east", "--add", "dan", "ann")
    call_command("team", "east", "--add", "cat", "--remove", "ann")
    call_command("team", "east")
    assert capsys.readouterr().out.splitlines() == ["east: ann, dan", "east: cat, dan", "east: cat, dan"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["east"], "There is no team 'east'; --add makes it"),
        (["east", "--add", "ann", "zoe"], "There is no user 'zoe'; nothing was changed"),
        (["north", "--remove", "zoe"], "There is no user 'zoe'"),
        (["", "--add", "ann"], "1 to 100 printable characters"),
        (["x" * 101, "--add", "ann"], "1 to 100 printable characters"),
    ],
)
def test_the_command_refuses_what_it_does_not_understand(users, arguments, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("team", *arguments)
    assert set(Team.objects.values_list("name", flat=True)) == {"north", "south"}


def test_a_change_beyond_the_limits_changes_nothing(users):
    team = Team.objects.get(name="north")
    many = User.objects.bulk_create([User(username=f"user{number}") for number in range(MOST_MEMBERS - 2)])
    with pytest.raises(TooManyMembers, match="at most 100 members"):
        team.change_members(add=[*many, users["cat"]])
    assert team.members.count() == 2
    team.change_members(add=many)
    assert team.members.count() == MOST_MEMBERS
    for number in range(MOST_TEAMS - 1):
        Team.objects.create(name=f"team {number}").change_members(add=[users["ann"]])
    with pytest.raises(TooManyMembers, match="ann is in 10 teams"):
        Team.objects.get(name="south").change_members(add=[users["ann"]])
    with pytest.raises(CommandError, match="ann is in 10 teams"):
        call_command("team", "east", "--add", "ann")
    assert not Team.objects.filter(name="east").exists()


def test_a_user_remembers_whose_jobs_they_may_read(users, django_assert_num_queries):
    with django_assert_num_queries(1):
        for _ in range(3):
            rights.readable_owners(users["ben"])
    with django_assert_num_queries(0):
        assert rights.readable_owners(rights.reading_own_jobs_alone(users["dan"])) == {users["dan"].pk}
