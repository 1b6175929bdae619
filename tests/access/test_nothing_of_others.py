"""Does anything that one reads change with what others have? Every path is read before and after others' work.

The walk takes the paths and the world of `test_every_endpoint`, so that a new path is read as well.
"""

import re
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from access.models import Team
from insights import day_sums, kept, rate_windows
from insights.models import DaySum, HostHour, KeptDay, RateWindow, Refreshed, Report, VisitSummary
from insights.models.host_hour import BUCKETS
from insights.scope import as_of
from photos import findings
from photos.models import VisitLook
from stores.models import StoreGroup
from tests.access import test_every_endpoint
from tests.access.endpoints import ENDPOINTS
from tests.access.test_every_endpoint import World, endpoints, news_read_once
from tests.api.v1.test_alerts import make_alert
from tests.factories import make_staff, submit_visits
from tests.insights.visits import make_areas, make_visits
from tests.photos.conftest import photo, visited

pytestmark = pytest.mark.django_db

world = test_every_endpoint.world
# Read in more than one way.
QUERIES = {
    "v1:problems": ["?by=area", "?by=host", "?by=category", "?by=group", "?store=N/1"],
    "v1:trends": ["?measure=failure_rate", "?measure=turnaround_median&by=category", "?measure=fetch_mean"],
    "v1:rhythm": ["?area=N", "?store=N/1"],
    "v1:store-visits": ["?limit=500"],
    "dashboard:areas": ["?measure=turnaround_p95", "?measure=failure_rate"],
    "dashboard:problems": ["?by=area", "?by=host", "?by=category", "?by=group", "?store=N/1"],
    "dashboard:visits": ["?area=N"],
}
# The ranges of forecasts are made of the ratios of all jobs, and say so; the others' jobs here are not even done.
SECRET = "leak"


def paths(world: World) -> list[str]:
    found = []
    for name, parameters in endpoints():
        if "GET" in ENDPOINTS.get(name, {}):
            path = world.path(name, parameters)
            found += [path, *(path.partition("?")[0] + query for query in QUERIES.get(name, []))]
    return found


def texts(found_paths: list[str], user: User | None) -> dict[str, tuple[int, str]]:
    """What the user reads, by path, without what changes with every request or second."""
    client = Client(raise_request_exception=False)
    if user is not None:
        client.force_login(user)
    with news_read_once():
        return {path: text_of(client.get(path)) for path in found_paths}


def text_of(response: Any) -> tuple[int, str]:
    text = (response.getvalue() if response.streaming else response.content).decode(errors="replace")
    text = re.sub(r'<time.*?</time>|"csrfmiddlewaretoken" value="[^"]*"|"request_id":"[^"]*"', "", text, flags=re.S)
    text = re.sub(r'"as_of":"[^"]*"|[\d.]+%|name="key" value="[^"]*"|\d+\.\d+ days', "", text)
    text = re.sub(r'"remaining":\d+,"seconds":\d+', "", text)
    return response.status_code, text


@pytest.fixture
def own(world):
    """Visits of two areas of three, of those who read and of nobody, each the same."""
    make_areas("N", "S", "W")
    StoreGroup.objects.update(area="N")
    # The same photo as the others will have, of which their findings must not tell.
    for user in (world.owner, None):
        visited(("N/1", timezone.now(), [photo(SECRET)]), owner=user)
    readers = {"user": world.owner, "staff without permissions": make_staff(), "nobody": None}
    for area in ("N", "S"):
        for user in readers.values():
            make_visits(area, owner=user.pk if user else None, failing=0.1, weeks=6)
    Report.objects.update(dimension="host", columns=["visits", "failed", "failure_rate"])
    return readers


def work_of_another() -> None:
    """At the same stores, and worse in every way. Their only team is one with "bridge", if there is such a user."""
    other, mark = User.objects.create_user(SECRET), as_of()
    Team.objects.create(name="theirs").change_members(add=[other, *User.objects.filter(username="bridge")])
    make_visits("N", owner=other.pk, failing=0.9, a_week=5, seconds=5_000, weeks=10)
    make_visits("S", owner=other.pk, failing=0.9, a_week=5, seconds=5_000, weeks=10)
    make_visits("W", owner=other.pk)
    theirs = VisitSummary.objects.filter(owner_id=other.pk)
    theirs.update(host=f"{SECRET}.test:443", code="http_418")
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
    HostHour.objects.create(
        owner_id=other.pk, host=f"{SECRET}.test:443", hour=hour, codes={"http_418": 900}, fetch=[5] * BUCKETS
    )
    make_alert(SECRET, owner_id=other.pk)
    make_alert(SECRET, of_all=True)
    Report.objects.create(owner=other, name=SECRET)
    visited(*((store, timezone.now(), [photo(SECRET, brightness=9.0)]) for store in ("N/1", "N/2")), owner=other)
    submit_visits(("N/1", [f"https://{SECRET}.test/1.jpg"]), owner=other)
    findings.find()
    assert VisitLook.objects.filter(owner_id=other.pk).count() == 2
    # With it goes how much of the running week has passed.
    Refreshed.objects.update(mark=mark)
    kept.forget()


def test_nothing_that_one_reads_tells_of_others_work(world, own, settings):
    # Without signing in, no page is shown.
    read = {reader: [path for path in paths(world) if path.startswith("/api/") or reader != "nobody"] for reader in own}

    def texts_of(reader: str) -> dict[str, tuple[int, str]]:
        settings.API_OPEN = reader == "nobody"
        return texts(read[reader], own[reader])

    before = {reader: texts_of(reader) for reader in own}
    work_of_another()
    for reader in own:
        assert_nothing_is_told(before[reader], texts_of(reader))


def assert_nothing_is_told(before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]]) -> None:
    assert {path for path in before if before[path] != after[path]} == set()
    assert not [path for path, (_, text) in after.items() if SECRET in text]
    assert sum(status == 200 for status, _ in after.values()) > len(after) / 2


def test_who_may_read_all_jobs_is_told(world, own):
    user = User.objects.create_superuser("root")
    read = [f"/api/v1/{name}" for name in ("areas", "trends", "rhythm", "alerts", "visits")]
    read += ["/api/v1/problems?by=area", "/areas/", "/visits/", "/problems/?by=area", "/alerts/"]
    before = texts(read, user)
    work_of_another()
    after = texts(read, user)
    assert [path for path in read if before[path] == after[path]] == []


# Each user's own, in a team as well.
PERSONAL = re.compile(
    "/api/v1/(alerts$|alert-rules|api-keys|limits|reports|webhooks)|/(account|reports|webhooks)/|/alerts/(rules/.*)?$"
)


def test_a_member_without_jobs_reads_whatever_a_teammate_does_and_nothing_of_others(world, own):
    """Every list, figure, photo, export and page; what is each one's own aside."""
    member = User.objects.create_user("member")
    all_paths = paths(world)
    found_paths = [path for path in all_paths if not PERSONAL.match(path)]
    alone = texts(found_paths, member)
    team = Team.objects.create(name="north")
    # "bridge" is in a team with the other whose work comes, too.
    team.change_members(add=[member, world.owner, User.objects.create_user("bridge")])
    Team.objects.create(name="alone").change_members(add=[world.owner])
    theirs, owners = texts(found_paths, member), texts(all_paths, world.owner)
    in_api = [path for path in found_paths if path.startswith("/api/")]
    assert [path for path in in_api if theirs[path] != owners[path]] == []
    # Pages have what may be done as well.
    changed = {path for path in found_paths if theirs[path][0] != owners[path][0]}
    assert changed == {world.path("dashboard:job_retry", {"job_id": None})}
    told = {path for path in found_paths if theirs[path] != alone[path]}
    work_of_another()
    assert_nothing_is_told(owners, texts(all_paths, world.owner))
    team.change_members(remove=[member])
    assert texts(found_paths, member) == alone
    # Most of what is read depends on whose it is: so the same is not read by chance.
    assert len(told) > 60


def test_a_member_is_told_of_a_teammate_in_figures_that_are_kept(world, own):
    member = User.objects.create_user("member")
    assert visits_of(member) == 0
    Team.objects.create(name="north").change_members(add=[member, world.owner])
    kept_for_the_owner = visits_of(world.owner)
    assert visits_of(member) == kept_for_the_owner > 0
    # Whoever joins brings theirs, though the sums of those who were there are kept.
    other = User.objects.create_user("other")
    make_visits("N", owner=other.pk, weeks=6)
    Team.objects.get().change_members(add=[other])
    assert visits_of(member) == visits_of(other) > kept_for_the_owner


def visits_of(user: User) -> int:
    client = Client()
    client.force_login(user)
    rows = client.get("/api/v1/areas").json()["results"]
    return sum(row["visits"] for row in rows)


def test_what_is_kept_by_day_and_by_owner_is_no_other_for_a_team(world, own):
    """Sums of days are summed over the members; rates of stores are kept of one owner each, and never of a team."""
    member, other = User.objects.create_user("member"), User.objects.create_user("other")
    make_visits("S", owner=other.pk, failing=0.4, weeks=6)
    make_visits("W", owner=User.objects.create_user(SECRET).pk, failing=0.9, weeks=6)
    team = Team.objects.create(name="north")
    team.change_members(add=[member, world.owner, other])
    figures = ["areas", "trends", "rhythm", "risk", "problems?by=area", "problems?by=host"]
    figures += [f"problems?store={area}/{number}" for area in ("N", "S", "W") for number in (1, 2)]
    read = [f"/api/v1/{path}" for path in figures]
    before = {user: texts(read, user) for user in (member, world.owner)}
    assert before[member] == before[world.owner]
    for _ in chain(day_sums.slices(None), rate_windows.slices()):
        """As a refresher does."""
    assert DaySum.objects.exists()
    assert RateWindow.objects.filter(owner_id=world.owner.pk).exists()
    kept.forget()
    assert {user: texts(read, user) for user in before} == before
    # What was kept while they were in the team is their own, and shown once they have left.
    team.change_members(remove=[world.owner])
    with_kept = texts(read, world.owner)
    RateWindow.objects.all().delete()
    KeptDay.objects.all().delete()
    kept.forget()
    assert with_kept == texts(read, world.owner) != before[world.owner]
