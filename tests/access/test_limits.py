"""Which limits hold for a user, who sets them, and what an answer tells of them?"""

import re
from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from access import tokens
from access.limits import limits_of
from access.models import UserLimits
from jobs import actions
from jobs.models import Job
from tests.access.conftest import bearer, make_key
from tests.api.payloads import assert_refused, submission
from tests.api.v1.conftest import assert_problem
from tests.factories import allow, make_staff, make_stores, submit_job

pytestmark = pytest.mark.django_db

JSON = "application/json"
# RFC 9651: a List of one Item, a String with Parameters that are non-negative Integers of at most 15 digits.
_FIELD = r'"([ !#-\[\]-~]*)"((?:;[a-z*][a-z0-9_.*-]*=(?:0|[1-9][0-9]{0,14}))*)'


def parsed(field):
    """The name and the parameters of a field of one item."""
    found = re.fullmatch(_FIELD, field)
    assert found, field
    pairs = (pair.split("=") for pair in found[2].split(";")[1:])
    return found[1], {name: int(value) for name, value in pairs}


def told(answer):
    return parsed(answer["RateLimit-Policy"]), parsed(answer["RateLimit"])


@pytest.fixture
def known():
    make_stores(*(visit["store_id"] for visit in submission()["visits"]))


def give(user, **limits):
    return UserLimits.objects.create(user=user, **limits)


def sign_in(user):
    client = Client()
    client.force_login(user)
    return client


# --- what answers tell


def test_each_answer_tells_what_is_left_of_the_minute(by_key, clock, settings):
    settings.API_RATE_PER_MINUTE = 3
    clock[0] += 17
    seen = [told(by_key.visits()) for _ in range(4)]
    assert [policy for policy, _ in seen] == [("requests", {"q": 3, "w": 60})] * 4
    assert [left for _, left in seen] == [("requests", {"r": left, "t": 43}) for left in (2, 1, 0, 0)]


def test_a_429_says_the_same_in_retry_after(person, clock, settings):
    settings.API_RATE_PER_MINUTE = 1
    client = sign_in(person)
    clock[0] += 50
    assert client.get("/api/v1/jobs").status_code == 200
    refused = client.get("/api/v1/jobs")
    assert_problem(refused, 429, "too-often")
    assert (refused["Retry-After"], told(refused)[1]) == ("10", ("requests", {"r": 0, "t": 10}))


@pytest.mark.parametrize("path", ["/api/v1/jobs?nonsense=1", "/api/v1/jobs/999999", "/api/visits", "/api/status"])
def test_refused_and_frozen_answers_tell_it_too(person, path):
    answer = sign_in(person).get(path)
    assert told(answer)[0] == ("requests", {"q": 6_000, "w": 60})


def test_what_is_not_counted_tells_nothing(person, settings, client):
    assert "RateLimit" not in client.get("/livez")
    assert "RateLimit" not in sign_in(person).get("/jobs/")
    settings.API_RATE_PER_MINUTE = 0
    answer = sign_in(person).get("/api/v1/limits")
    assert "RateLimit" not in answer
    assert "RateLimit-Policy" not in answer
    assert answer.json()["requests"] == {"limit": None, "remaining": None, "seconds": None}


def test_limits_are_answered(person, clock, settings):
    settings.MAX_PENDING_IMAGES = 50
    submit_job(3, owner=person)
    submit_job(4)
    clock[0] += 20
    assert sign_in(person).get("/api/v1/limits").json() == {
        "requests": {"limit": 6_000, "remaining": 5_999, "seconds": 40},
        "pending_images": {"limit": 50, "used": 3},
        "priority": {"default": 0, "highest": 0},
    }
    give(person, requests_per_minute=10, pending_images=20, priority=2)
    assert sign_in(person).get("/api/v1/limits").json() == {
        "requests": {"limit": 10, "remaining": 8, "seconds": 40},
        "pending_images": {"limit": 20, "used": 3},
        "priority": {"default": 2, "highest": 2},
    }
    allow(person, "prioritize_job")
    assert sign_in(person).get("/api/v1/limits").json()["priority"] == {"default": 2, "highest": 9}


def test_without_credentials_they_are_those_of_the_service(settings, client):
    settings.API_OPEN = True
    submit_job(2)
    found = client.get("/api/v1/limits").json()
    assert found["pending_images"] == {"limit": 1_000_000, "used": 2}
    assert found["priority"] == {"default": 0, "highest": 9}


# --- a user's own


def test_what_is_empty_is_as_the_settings_say(person, settings):
    assert limits_of(person) == limits_of(None) == (6_000, 1_000_000, 0)
    give(person, pending_images=5)
    settings.API_RATE_PER_MINUTE = 7
    assert limits_of(User.objects.get(pk=person.pk)) == (7, 5, 0)


def test_a_user_may_have_fewer_requests_than_others(person, settings):
    give(person, requests_per_minute=2)
    own, other = (sign_in(user) for user in (person, User.objects.create_user("other")))
    assert [own.get("/api/visits").status_code for _ in range(3)] == [200, 200, 429]
    assert "At most 2 requests a minute" in assert_refused(own.get("/api/visits"), 429)
    assert [other.get("/api/visits").status_code for _ in range(3)] == [200] * 3


def test_zero_of_ones_own_is_no_limit(person, settings):
    settings.API_RATE_PER_MINUTE = 1
    give(person, requests_per_minute=0)
    assert [sign_in(person).get("/api/visits").status_code for _ in range(3)] == [200] * 3


@pytest.mark.parametrize("own", [1, 3])
def test_pending_images_are_limited_by_ones_own_number_up_or_down(person, settings, own, known):
    settings.MAX_PENDING_IMAGES = 2
    give(person, pending_images=own)
    client = sign_in(person)
    body = submission(*[submission()["visits"][0]] * own)
    assert client.post("/api/v1/jobs", body, JSON).status_code == 201
    refused = assert_problem(client.post("/api/v1/jobs", submission(), JSON), 429, "too-many-pending")
    assert f"at most {own} may be pending" in refused["detail"]


def test_a_retry_asks_for_the_limit_of_the_jobs_owner(person):
    job = submit_job(3, owner=person)
    actions.cancel(job.pk, person)
    give(person, pending_images=2)
    root = User.objects.create_superuser("root")
    answer = sign_in(root).post(f"/api/v1/jobs/{job.pk}/retry", {}, JSON)
    assert "at most 2 may be pending" in assert_problem(answer, 429, "too-many-pending")["detail"]


@pytest.mark.parametrize("own", [3, -2])
def test_jobs_that_name_no_priority_have_their_owners(person, own):
    give(person, priority=own)
    client = sign_in(person)
    assert client.post("/api/submit", submission(), JSON).status_code == 201
    assert client.post("/api/v1/jobs", submission(), JSON).json()["priority"] == own
    assert set(Job.objects.values_list("priority", flat=True)) == {own}


@pytest.mark.parametrize("own", [3, -2])
def test_a_priority_above_ones_own_takes_the_permission(person, own, known):
    give(person, priority=own)
    client = sign_in(person)
    job = client.post("/api/v1/jobs", {**submission(), "priority": own}, JSON).json()
    refused = client.post("/api/v1/jobs", {**submission(), "priority": own + 1}, JSON)
    assert f"above {own} takes the permission" in assert_problem(refused, 403, "not-allowed")["detail"]
    path = f"/api/v1/jobs/{job['id']}"
    assert client.patch(path, {"priority": own + 1}, JSON).status_code == 403
    assert not client.post("/api/v1/jobs:validate", {**submission(), "priority": own + 1}, JSON).json()["accepted"]
    assert client.post(f"/jobs/{job['id']}/act/", {"act": "prioritize", "priority": own + 1}).status_code == 403
    assert client.patch(path, {"priority": own - 1}, JSON).json()["priority"] == own - 1
    allow(person, "prioritize_job")
    assert client.patch(path, {"priority": own + 1}, JSON).json()["priority"] == own + 1


@pytest.mark.parametrize("way", ["key", "token", "session"])
def test_they_are_read_in_the_statement_that_finds_the_user(person, way):
    give(person, requests_per_minute=5)
    if way == "session":
        client = sign_in(person)
    else:
        client = Client(headers=bearer(make_key(person)[1] if way == "key" else tokens.issue(person).access))
    with CaptureQueriesContext(connection) as seen:
        assert client.get("/api/v1/limits")["RateLimit-Policy"] == '"requests";q=5;w=60'
    (asked,) = (each["sql"] for each in seen if "access_userlimits" in each["sql"])
    assert '"auth_user"."username"' in asked


# --- who sets them

ADD = "/admin/access/userlimits/add/"


def test_an_administrator_sets_them_in_the_admin_and_it_is_in_its_history(admin_client, person):
    values = {"user": person.pk, "requests_per_minute": "10", "pending_images": "", "priority": "-1"}
    assert admin_client.post(ADD, values).status_code == 302
    assert limits_of(User.objects.get(pk=person.pk)) == (10, 1_000_000, -1)
    change = f"/admin/access/userlimits/{person.pk}/change/"
    assert admin_client.post(change, {**values, "pending_images": "7"}).status_code == 302
    assert limits_of(User.objects.get(pk=person.pk)).pending_images == 7
    assert [entry.get_change_message() for entry in LogEntry.objects.order_by("id")] == [
        "Added.",
        "Changed Pending images.",
    ]
    assert "person" in admin_client.get("/admin/access/userlimits/").text


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("requests_per_minute", [0, 1_000_000], [-1, 1_000_001]),
        ("pending_images", [1, 2**31 - 1], [0, 2**31]),
        ("priority", [-9, 9], [-10, 10]),
    ],
)
def test_a_limit_has_limits(admin_client, person, field, good, bad):
    for value in bad:
        assert admin_client.post(ADD, {"user": person.pk, field: value}).status_code == 200
        assert not UserLimits.objects.exists()
        with pytest.raises(CommandError, match=f"--{field.replace('_', '-')}: Ensure"):
            call_command("set_limits", person.username, f"--{field.replace('_', '-')}={value}")
    for value in good:
        assert admin_client.post(ADD, {"user": person.pk, field: value}).status_code == 302
        assert getattr(UserLimits.objects.get(), field) == value
        UserLimits.objects.all().delete()


def test_nobody_else_sets_them(person):
    for user in (person, make_staff("view_job", "change_job"), make_staff("view_userlimits", name="viewer")):
        client = sign_in(user)
        assert client.post(ADD, {"user": person.pk, "priority": 9}).status_code in (302, 403)
        assert not UserLimits.objects.exists()
    client = sign_in(make_staff("add_userlimits", "view_user", name="administrator"))
    assert client.post(ADD, {"user": person.pk, "priority": 9}).status_code == 302
    assert UserLimits.objects.get().priority == 9


def test_nobody_sets_their_own_or_those_of_who_may_do_more(person):
    administrator = make_staff("add_userlimits", "change_userlimits", "delete_userlimits", name="administrator")
    root = User.objects.create_superuser("root")
    more = make_staff("delete_job", name="more")
    client = sign_in(administrator)
    for user in (administrator, root, more):
        answer = client.post(ADD, {"user": user.pk, "requests_per_minute": 1})
        assert (answer.status_code, UserLimits.objects.exists()) == (200, False)
        give(user, requests_per_minute=7)
        page = f"/admin/access/userlimits/{user.pk}"
        assert client.post(f"{page}/change/", {"requests_per_minute": 1}).status_code == 403
        assert client.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": user.pk, "post": "yes"}
        client.post("/admin/access/userlimits/", chosen)
        assert UserLimits.objects.get().requests_per_minute == 7
        UserLimits.objects.all().delete()
    give(person, requests_per_minute=7)
    assert client.post(f"/admin/access/userlimits/{person.pk}/change/", {"priority": 1}).status_code == 302
    assert sign_in(root).post(ADD, {"user": root.pk, "priority": 1}).status_code == 302


def test_the_command_sets_shows_and_takes_them_back(person):
    def run(*arguments):
        out = StringIO()
        call_command("set_limits", person.username, *arguments, stdout=out)
        return out.getvalue().strip().partition(": ")[2]

    assert run() == "6,000 requests a minute, 1,000,000 pending images, priority 0."
    assert not UserLimits.objects.exists()
    assert run("--requests-per-minute=0", "--priority=2") == (
        "any number of requests a minute, 1,000,000 pending images, priority 2."
    )
    assert run("--requests-per-minute=default", "--pending-images=9") == (
        "6,000 requests a minute, 9 pending images, priority 2."
    )
    with pytest.raises(CommandError, match="There is no user 'nobody'"):
        call_command("set_limits", "nobody")
    with pytest.raises(CommandError, match="'many' is neither a whole number nor 'default'"):
        run("--pending-images=many")
