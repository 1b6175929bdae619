"""Does every path of the service ask the rule that docs/access.md names, for every role and all credentials?

The walk takes the paths from the URL configuration: one without a line here fails, and so does a method.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.http import HttpResponse, HttpResponseForbidden, HttpResponseNotFound
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse
from django.utils import timezone

from access.roles import RoleName
from dashboard import frame
from insights.models import Alert, Report
from jobs.models import ImageResult, Job, JobAction
from photos.looking import judge
from photos.models import PhotoThresholds, VisitVerdict
from retail_pulse import urls
from stores import imports
from stores.models import AreaWeight, Category, CategoryRule, Keyword, Kind, Store, StoreGroup, StoreImport
from tests import ROOT
from tests.access.conftest import bearer, make_key
from tests.access.endpoints import ADMIN_LISTS, CSV, ENDPOINTS, FOR_PEOPLE, HOST, JSON, METHODS
from tests.api.v1.test_alerts import make_alert
from tests.copies import copies
from tests.factories import KNOWN_STORE, defer, make_role, make_staff, make_teammate, pause_host, submit_visits
from tests.kept_photos import keep, keep_in_folder, photo
from tests.webhooks.deliveries import make_endpoint, make_failed
from webhooks.models import Delivery, Endpoint, Event

pytestmark = pytest.mark.django_db


def table() -> dict[str, dict[str, bool]]:
    """docs/access.md's table: whether a person may, by rule and person."""
    text = (ROOT / "docs" / "access.md").read_text().partition("## Who may do what")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if re.match(r"\|.*\| (superuser|\S|yes) \|$", line)]
    head, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(head[2:], (cell == "yes" for cell in row[2:]), strict=True)) for row in rows}


MAY = table()
CLOSED, OPEN = "no credentials, closed", "no credentials, open"
PEOPLE: dict[str, Callable[[], User]] = {
    "owner of the job": lambda: User.objects.create_user("owner"),
    "in a team with the owner": lambda: make_teammate("owner"),
    "another user": lambda: User.objects.create_user("other"),
    "staff without permissions": make_staff,
    "viewer": lambda: make_role(RoleName.VIEWER),
    "operator": lambda: make_role(RoleName.OPERATOR),
    "administrator": lambda: make_role(RoleName.ADMINISTRATOR),
    "superuser": lambda: User.objects.create_superuser("root"),
}
STAFF = {"staff without permissions", "viewer", "operator", "administrator"}


@dataclass
class World:
    """A job of somebody's with an image that waits for a paused host, one that failed, and an import's dry run."""

    owner: User
    arguments: dict[str, Any]

    def path(self, name: str, parameters: dict[str, Any]) -> str:
        arguments = {each: self.arguments[each] for each in parameters}
        if "pk" in arguments:
            keys = {
                "dashboard:store": "store_pk",
                "dashboard:choose_category": "store_pk",
                "dashboard:store_photos": "store_pk",
                "dashboard:category": "category_id",
                "dashboard:group": "group_id",
                "dashboard:group_delete": "group_id",
                "dashboard:person": "person_id",
                "dashboard:deactivate": "person_id",
            }
            arguments["pk"] = self.arguments[keys.get(name, "import_id")]
        path = reverse(name, kwargs=arguments)
        queries = {
            "status": f"?jobid={self.arguments['job_id']}",
            "v1:export": "?format=csv",
            "dashboard:preview_keyword": "?text=kiosk&kind=venue",
            "dashboard:area": "?area=A-1",
            "v1:similar-stores": "?name=here",
        }
        return path + queries.get(name, "")


def endpoints() -> Iterator[tuple[str, dict[str, Any]]]:
    """The name of every path that is not the admin's, and its parameters."""

    def walk(resolver: URLResolver, namespace: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for pattern in resolver.url_patterns:
            if isinstance(pattern, URLResolver):
                if pattern.namespace != "admin":
                    yield from walk(pattern, f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace)
            else:
                named = pattern.pattern.regex.groupindex
                yield f"{namespace}{pattern.name}", dict(named)

    return walk(get_resolver(), "")


@pytest.fixture
def world(monkeypatch, settings, tmp_path):
    return make_world(monkeypatch, settings, tmp_path)


def make_world(monkeypatch: pytest.MonkeyPatch, settings: Any, folder: Path) -> World:
    # A stream would take a thread, and a database connection of its own.
    monkeypatch.setattr("api.v1.events.stream", lambda *_: HttpResponse())
    owner = PEOPLE["owner of the job"]()
    job = submit_visits((KNOWN_STORE, [f"https://{HOST}/1.jpg"]), ("unknown", ["http://a.test/1"]), owner=owner)
    defer(job, HOST)
    pause_host(HOST)
    keep_in_folder(settings, folder)
    keep(ImageResult.objects.filter(job=job).earliest("pk"), photo(8, 8))
    category = Category.objects.create(name="Bakery")
    dry_run = imports.dry_run(BytesIO(CSV + b"A,,S3\n"), "stores.csv", owner, skip_rejected=True)
    Store.objects.create(store_id="here", name="Here", area_code="A-1", latitude=0, longitude=0)
    image = ImageResult.objects.filter(job=job).earliest("pk")
    judge(image.visit, owner, timezone.now(), is_fine=False)
    PhotoThresholds.objects.create(category=category)
    failed = make_failed(make_endpoint(owner))
    return World(
        owner,
        {
            "job_id": job.pk,
            "image_id": image.pk,
            "visit_id": image.visit_id,
            "host": HOST,
            "store_id": KNOWN_STORE,
            "store_pk": Store.objects.get(store_id=KNOWN_STORE).pk,
            "group_id": StoreGroup.objects.create(name="Mine").pk,
            "import_id": dry_run.pk,
            "alert_id": make_alert(owner_id=owner.pk).pk,
            "name": "area_visits",
            "category_id": CategoryRule.objects.create(category=category).category_id,
            "keyword_id": Keyword.objects.create(text="BREAD", kind=Kind.STRONG, category=category).pk,
            "webhook_id": failed.endpoint_id,
            "delivery_id": failed.pk,
            "report_id": Report.objects.create(owner=owner).pk,
            "pk": None,
            "size": "preview",
            "prefix": make_key(owner)[0].prefix,
            "person_id": User.objects.create_user("somebody").pk,
            "uidb64": "MQ",
            "token": "d4a3f2-0123456789abcdef0123456789abcdef",
        },
    )


def credentials_of(person: str, kind: str, world: World) -> tuple[dict[str, str], dict[str, str]]:
    """The cookies and the headers with which somebody comes."""
    if person in (CLOSED, OPEN):
        return {}, {}
    user = world.owner if person == "owner of the job" else PEOPLE[person]()
    if kind == "key":
        return {}, bearer(make_key(user)[1])
    client = Client()
    client.force_login(user)
    return {name: cookie.value for name, cookie in client.cookies.items()}, {}


def send(client: Client, method: str, path: str, rule: Any, cookies: dict[str, str], headers: Any) -> Any:
    _, kind, body = rule if isinstance(rule, tuple) else (None, JSON, b"")
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    # A page may have signed the person out.
    client.cookies.load(cookies)
    response = client.generic(method, path, b"" if method == "GET" else data, content_type=kind, headers=headers)
    if response.streaming:
        response.getvalue()
    return response


def was_let_in(name: str, response: Any) -> bool:
    assert response.status_code < 500, (name, response.status_code)
    # The assignment's way to say that there is no such job.
    if name == "status" and response.status_code == 400:
        return False
    if response.status_code == 302 and re.match(r"/(sign-in|admin/login)/\?next=", response["Location"]):
        return False
    return response.status_code not in (401, 403, 404)


CHANGED = (
    *(Job, Store, Category, Keyword, CategoryRule, AreaWeight, Alert, Report, JobAction, StoreGroup),
    *(PhotoThresholds, VisitVerdict, User, LogEntry, Endpoint, Event, Delivery),
)
# All of them in one statement: it is asked for every path, method and person.
ROWS = "SELECT " + ", ".join(
    f"(SELECT array_agg(each::text ORDER BY each::text) FROM {model._meta.db_table} AS each)" for model in CHANGED
)


def state() -> Any:
    with connection.cursor() as cursor:
        cursor.execute(ROWS)
        return cursor.fetchone()


# As statements begin that change nothing.
READING = re.compile(r"\s*(SELECT|SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT)\b")


@contextmanager
def writes() -> Iterator[list[str]]:
    """The statements within the block that may have changed something."""
    found: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if not READING.match(sql):
            found.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note), copies() as copied:
        yield found
        # One that only reads costs no more than a comparison.
        found += map(str, copied)


@contextmanager
def news_read_once() -> Iterator[None]:
    """What the frame of pages tells a user, which is the same on all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame, "_read", cache(frame._read))
        yield


@pytest.fixture
def quick_pages(monkeypatch):
    """What a page of a refusal shows is asked by tests/dashboard/, and of every path by `test_nothing_of_others`."""
    monkeypatch.setattr(urls, "handler403", lambda *_, **__: HttpResponseForbidden(), raising=False)
    monkeypatch.setattr(urls, "handler404", lambda *_, **__: HttpResponseNotFound(), raising=False)
    with news_read_once():
        yield


def copy_an_area() -> None:
    with connection.cursor() as cursor, cursor.copy("COPY stores_areaweight (area_code, weight) FROM STDIN") as copy:
        copy.write_row(("A-7", 3))


def test_whatever_changes_something_is_seen_and_nothing_else(world):
    with writes() as found:
        list(Store.objects.all())
        with transaction.atomic():
            assert state() == state()
    assert found == []
    before = state()
    for change in (
        lambda: Store.objects.update(name="New"),
        lambda: StoreGroup.objects.create(name="New"),
        lambda: StoreGroup.objects.bulk_create([StoreGroup(name="Newer")]),
        lambda: StoreGroup.objects.all().delete(),
        lambda: submit_visits((KNOWN_STORE, ["https://a.test/2.jpg"])),
        lambda: imports.apply(StoreImport.objects.get(), world.owner),
        copy_an_area,
        lambda: connection.cursor().execute("WITH gone AS (DELETE FROM stores_areaweight RETURNING 1) SELECT 1"),
    ):
        with writes() as found:
            change()
        assert found
    assert state() != before


def test_every_path_has_a_rule_of_the_table():
    assert {name for name, _ in endpoints()} == set(ENDPOINTS)
    rules = [rule for methods in ENDPOINTS.values() for rule in methods.values()]
    assert {rule if isinstance(rule, str) else rule[0] for rule in rules} == set(MAY)


@pytest.mark.parametrize("kind", ["session", "key"])
@pytest.mark.parametrize("person", [CLOSED, OPEN, *PEOPLE])
def test_everybody_is_let_in_where_the_table_says_so_and_nowhere_else(world, quick_pages, settings, person, kind):
    if person in (CLOSED, OPEN) and kind == "key":
        pytest.skip("that would be nobody's key")
    settings.API_OPEN = person == OPEN
    client = Client(raise_request_exception=False)
    cookies, headers = credentials_of(person, kind, world)
    # A page knows no keys, and is never open.
    on_pages = CLOSED if kind == "key" or person == OPEN else person
    # Nor does it matter to one whose key it does not know; the superuser's would open most, the owner's the others.
    asks_pages = kind == "session" or person in ("superuser", "owner of the job")
    # Methods that a path does not have are the same for all; so two people try them.
    tries_all = person in (CLOSED, "superuser")
    wrong = []
    before = state()
    if kind == "key":
        # Its use is stored now, and not with the next requests.
        client.get("/api/v1/limits", headers=headers)
    for name, parameters in endpoints():
        if name.startswith("dashboard:") and not asks_pages:
            continue
        path = world.path(name, parameters)
        who = on_pages if name.startswith("dashboard:") or name in FOR_PEOPLE else person
        for method in METHODS if tries_all else ENDPOINTS[name]:
            rule = ENDPOINTS[name].get(method)
            expected = rule is not None and MAY[rule if isinstance(rule, str) else rule[0]][who]
            with transaction.atomic():
                with writes() as found:
                    response = send(client, method, path, rule, cookies, headers)
                is_unchanged = expected or not found or state() == before
                transaction.set_rollback(True)
            let_in = was_let_in(name, response)
            if rule is None:
                # A method that the path does not have, for whomever.
                right = is_unchanged and (response.status_code == 405 or not let_in)
            else:
                right = is_unchanged and let_in == expected
            if not right:
                wrong.append((method, path, response.status_code))
    assert not wrong


@pytest.mark.parametrize("person", [OPEN, "owner of the job", "superuser"])
@pytest.mark.parametrize("sender", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_no_other_website_acts_on_any_path_for_any_visitor(world, settings, person, sender):
    settings.API_OPEN = True
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    cookies, _ = credentials_of(person, "session", world)
    before = state()
    for name, parameters in endpoints():
        for method, rule in ENDPOINTS[name].items():
            # Only a sign-in lies behind the pages that redirect.
            if method != "GET" and name not in ("dashboard:home", "dashboard:favicon", "admin-password"):
                answer = send(client, method, world.path(name, parameters), rule, cookies, sender)
                is_page_without_csrf = person != OPEN and name == "dashboard:sign_in" and answer.status_code == 302
                assert answer.status_code in (403, 405) or is_page_without_csrf, (method, name, answer.status_code)
    assert state() == before


@pytest.mark.parametrize("person", PEOPLE)
def test_the_admin_shows_everybody_what_the_table_says_and_nothing_else(world, client, person):
    cookies, _ = credentials_of(person, "session", world)
    client.cookies.load(cookies)
    for model in site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        rule = ADMIN_LISTS[name]
        may = person in rule if isinstance(rule, set) else person in STAFF and MAY[rule][person]
        expected = person == "superuser" or may
        assert was_let_in(name, client.get(reverse(f"admin:{name}_changelist"))) == expected, name


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz"])
def test_the_probes_answer_everybody_and_say_nothing_else(settings, path):
    settings.API_OPEN = False
    answer = Client(headers={"host": "10.1.2.3"}).get(path)
    assert (answer.status_code, list(answer.json())) == (200, ["status"])


@pytest.mark.parametrize("person", [OPEN, "superuser"])
def test_nobody_reads_metrics_on_the_web_port(settings, person):
    settings.API_OPEN = True
    client = Client()
    if person != OPEN:
        client.force_login(PEOPLE[person]())
    assert client.get("/metrics").status_code == 404
