"""Does anything that one reads change with what others have? Every path is read before and after others' work.

The walk takes the paths and the world of `test_every_endpoint`, so that a new path is read as well.
"""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from insights import kept
from insights.models import HostHour, Refreshed, Report, VisitSummary
from insights.models.host_hour import BUCKETS
from insights.scope import as_of
from photos import findings
from photos.models import VisitLook
from stores.models import StoreGroup
from tests.access import test_every_endpoint
from tests.access.endpoints import ENDPOINTS
from tests.access.test_every_endpoint import World, endpoints
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
    found = {}
    for path in found_paths:
        response = client.get(path)
        text = (response.getvalue() if response.streaming else response.content).decode(errors="replace")
        text = re.sub(r'<time.*?</time>|"csrfmiddlewaretoken" value="[^"]*"|"request_id":"[^"]*"', "", text, flags=re.S)
        text = re.sub(r'"as_of":"[^"]*"|[\d.]+%|name="key" value="[^"]*"|\d+\.\d+ days', "", text)
        text = re.sub(r'"remaining":\d+,"seconds":\d+', "", text)
        found[path] = response.status_code, text
    return found


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
    """At the same stores, and worse in every way."""
    other, mark = User.objects.create_user(SECRET), as_of()
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


@pytest.mark.parametrize("reader", ["user", "staff without permissions", "nobody"])
def test_nothing_that_one_reads_tells_of_others_work(world, own, settings, reader):
    settings.API_OPEN = reader == "nobody"
    # Without signing in, no page is shown.
    read = [path for path in paths(world) if path.startswith("/api/") or reader != "nobody"]
    before = texts(read, own[reader])
    work_of_another()
    after = texts(read, own[reader])
    assert {path for path in read if before[path] != after[path]} == set()
    assert not [path for path, (_, text) in after.items() if SECRET in text]
    assert sum(status == 200 for status, _ in after.values()) > len(read) / 2


def test_who_may_read_all_jobs_is_told(world, own):
    user = User.objects.create_superuser("root")
    read = [f"/api/v1/{name}" for name in ("areas", "trends", "rhythm", "alerts", "visits")]
    read += ["/api/v1/problems?by=area", "/areas/", "/visits/", "/problems/?by=area", "/alerts/"]
    before = texts(read, user)
    work_of_another()
    after = texts(read, user)
    assert [path for path in read if before[path] == after[path]] == []
