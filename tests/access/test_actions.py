"""May each role do what the table says, by each entry point, and nothing else?

Whether something was done is read from the database; of what only reads, from the answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import get_commands
from django.db import connection, transaction
from django.test import Client

from access.models import ApiKey, Team, UserLimits
from access.roles import RoleName, group_of, role_of
from jobs import actions
from stores.models import CategoryRule, StoreImport
from tests import ROOT
from tests.access import test_every_endpoint
from tests.access.actions import ACTIONS, EVERYBODY, LADDER, OTHER_COMMANDS, OWNER, TEAM, Cell
from tests.access.conftest import bearer, make_key
from tests.access.endpoints import FORM
from tests.access.test_every_endpoint import World, endpoints, was_let_in
from tests.factories import make_role, make_teammate
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db

world = test_every_endpoint.world
CELLS = [(action, entry) for action, row in ACTIONS.items() for entry, cell in row.cells().items() if cell]
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


@pytest.fixture
def others(world: World) -> dict[str, Any]:
    """What the admin's pages are about."""
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


def signed_in(user: User, entry: str) -> tuple[Client, dict[str, str]]:
    """Somebody's client, and the headers that it needs: the API is asked with a key, pages within a session."""
    client = Client(raise_request_exception=False)
    if entry == "API":
        return client, bearer(make_key(user)[1])
    client.force_login(user)
    return client, {}


def ask(client: Client, cell: Cell, headers: dict[str, str], world: World, others: dict[str, Any]) -> Any:
    method, place, kind, body = cell.request
    name, _, query = place.partition("?")
    path = place.format(**others) if place.startswith("/") else world.path(name, dict(endpoints())[name])
    if query:
        path += f"?{query}"
    data = json.dumps(body) if isinstance(body, dict) else body
    if kind == FORM:
        data = data.format(**others)
    response = client.generic(method, path, b"" if method == "GET" else data, content_type=kind, headers=headers)
    if response.streaming:
        response.getvalue()
    return response


@pytest.mark.parametrize(("action", "entry"), CELLS)
def test_who_may_can_and_nobody_else_can(world, others, action, entry):
    row = ACTIONS[action]
    cell = row.cells()[entry]
    assert cell is not None
    if row.is_of_ended:
        actions.cancel(others["job_id"], None)
    wrong = {}
    for person in sorted(EVERYBODY):
        with transaction.atomic():
            client, headers = signed_in(make(person), entry)
            before = state()
            response = ask(client, cell, headers, world, others)
            was = was_let_in(cell.request[1], response)
            if not (cell.request[0] == "GET" or row.changes_nothing):
                # A form that is shown again, with what is wrong about it, has changed nothing.
                was = was and (DONE[action]() if action in DONE else state() != before)
            transaction.set_rollback(True)
        if was != (person in cell.people):
            wrong[person] = (response.status_code, was)
    assert wrong == {}
