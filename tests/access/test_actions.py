"""May each role do what the table says, by each entry point, and nothing else?

Whether something was done is read from the database; of what only reads, from the answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.core.management import get_commands
from django.db import connection, transaction
from django.test import Client
from django.test.utils import override_settings

from access.models import ApiKey, Team, UserLimits
from access.roles import RoleName, group_of, role_of
from jobs import actions
from stores.models import CategoryRule, StoreImport
from tests import ROOT
from tests.access import test_every_endpoint
from tests.access.actions import ACTIONS, EVERYBODY, LADDER, OTHER_COMMANDS, OWNER, TEAM, Cell
from tests.access.conftest import bearer, make_key
from tests.access.endpoints import FORM
from tests.access.test_every_endpoint import World, endpoints, make_world, was_let_in
from tests.factories import make_role, make_teammate
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db

quick_pages = test_every_endpoint.quick_pages
CELLS = [(action, entry) for action, row in ACTIONS.items() for entry, cell in row.cells().items() if cell]
PARAMETERS = dict(endpoints())
NOT_THERE = "\N{EN DASH}"
COLUMNS = ("API", "dashboard", "admin", "command")


def documented() -> dict[str, dict[str, str]]:
    text = (ROOT / "docs" / "access.md").read_text()
    part = text.partition("## By role and entry point")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"]
    return {name: dict(zip(COLUMNS, cells, strict=True)) for name, *cells in rows[2:]}


def test_the_table_of_the_documentation_is_the_one_that_is_tried():
    in_code = {
        name: {
            **{entry: cell.who if cell else NOT_THERE for entry, cell in action.cells().items()},
            "command": f"`{action.command}`" if action.command else NOT_THERE,
        }
        for name, action in ACTIONS.items()
    }
    assert documented() == in_code


def test_every_command_of_the_service_is_in_the_table_or_concerns_no_role():
    packages = {folder.parent.name for folder in ROOT.glob("*/management")}
    own = {name for name, app in get_commands().items() if app in packages}
    in_table = {action.command for action in ACTIONS.values() if action.command} - {"createsuperuser"}
    assert own == in_table | OTHER_COMMANDS
    assert not in_table & OTHER_COMMANDS


def make(person: str) -> User:
    if person == OWNER:
        return User.objects.get(username="owner")
    if person == TEAM:
        return make_teammate("owner")
    if person == "superuser":
        return User.objects.create_superuser("root")
    return make_role(RoleName(person)) if person in LADDER else User.objects.create_user("other")


@dataclass
class Scene:
    """A world, what the admin's pages are about besides, and everybody with their session and key."""

    world: World
    others: dict[str, Any]
    sessions: dict[str, dict[str, str]]
    keys: dict[str, str]
    # One for all: each would make all middleware anew.
    client: Client


@pytest.fixture(scope="module")
def scene(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[Scene]:
    """Made once, in a transaction around those of the tests."""
    with (
        django_db_blocker.unblock(),
        transaction.atomic(),
        pytest.MonkeyPatch.context() as patch,
        override_settings(STORAGES=settings.STORAGES),
    ):
        world = make_world(patch, settings, tmp_path_factory.mktemp("photos"))
        people = {person: make(person) for person in sorted(EVERYBODY)}
        sessions = {}
        for person, user in people.items():
            client = Client()
            client.force_login(user)
            sessions[person] = {name: cookie.value for name, cookie in client.cookies.items()}
        keys = {person: make_key(user)[1] for person, user in people.items()}
        yield Scene(world, others(world), sessions, keys, Client(raise_request_exception=False))
        transaction.set_rollback(True)


def others(world: World) -> dict[str, Any]:
    plain = User.objects.create_user("plain")
    key, _ = make_key(User.objects.create_user("keeper"))
    return world.arguments | {
        "user_id": plain.pk,
        "team_id": Team.objects.create(name="South").pk,
        "key_id": key.pk,
        "rule_id": CategoryRule.objects.get().pk,
        "viewers": group_of(RoleName.VIEWER).pk,
        "permission_id": Permission.objects.get(codename="view_job").pk,
    }


# What is changed by what has no row in `test_every_endpoint.CHANGED`, of which some tell by a number alone.
STATE: list[Any] = [
    User,
    Group,
    Team,
    ApiKey,
    UserLimits,
    Endpoint,
    Group.permissions.through,
    User.groups.through,
    StoreImport,
]


# Where another change comes with it.
DONE: dict[str, Callable[[], bool]] = {
    "give a user a role": lambda: role_of(User.objects.get(username="plain")) == RoleName.VIEWER,
    "make a superuser": lambda: User.objects.get(username="plain").is_superuser,
}


def state() -> Any:
    tables = [model._meta.db_table for model in STATE]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT " + ", ".join(f"(SELECT array_agg(md5(t::text) ORDER BY t::text) FROM {name} t)" for name in tables)
        )
        return test_every_endpoint.state(), cursor.fetchone()


def ask(scene: Scene, cell: Cell, person: str, entry: str) -> Any:
    """The API is asked with a key, pages within a session."""
    method, place, kind, body = cell.request
    name, _, query = place.partition("?")
    path = place.format(**scene.others) if place.startswith("/") else scene.world.path(name, PARAMETERS[name])
    if query:
        path += f"?{query}"
    data = json.dumps(body) if isinstance(body, dict) else body
    if kind == FORM:
        data = data.format(**scene.others)
    headers = bearer(scene.keys[person]) if entry == "API" else {}
    scene.client.cookies.clear()
    scene.client.cookies.load({} if entry == "API" else scene.sessions[person])
    response = scene.client.generic(method, path, b"" if method == "GET" else data, content_type=kind, headers=headers)
    if response.streaming:
        response.getvalue()
    return response


@pytest.mark.parametrize(("action", "entry"), CELLS)
def test_who_may_can_and_nobody_else_can(scene, quick_pages, action, entry):
    row = ACTIONS[action]
    cell = row.cells()[entry]
    assert cell is not None
    if row.is_of_ended:
        actions.cancel(scene.others["job_id"], None)
    is_told_by_the_answer = cell.request[0] == "GET" or row.changes_nothing
    before = None if is_told_by_the_answer else state()
    wrong = {}
    for person in sorted(EVERYBODY):
        with transaction.atomic():
            response = ask(scene, cell, person, entry)
            was = was_let_in(cell.request[1], response)
            if not is_told_by_the_answer:
                # A form that is shown again, with what is wrong about it, has changed nothing.
                was = was and (DONE[action]() if action in DONE else state() != before)
            transaction.set_rollback(True)
        if was != (person in cell.people):
            wrong[person] = (response.status_code, was)
    assert wrong == {}
