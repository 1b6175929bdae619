"""Does the demo's history hold the stories that it tells, each found by exactly one alert, and nothing else?"""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.core.management import call_command

from demo import history
from demo.load_history import load
from insights import alerts, refresh
from insights.models import Alert
from jobs.models import ImageResult, Job, Visit
from jobs.reporting.audit import audit
from stores.importer import import_stores
from stores.models import Store
from tests.conftest import FIXTURES

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def store_master():
    with (FIXTURES / "stores.csv").open("rb") as file:
        import_stores(file)


# A Sunday and a Monday: the running week has not begun, or has just begun.
@pytest.mark.parametrize("last", [date(2026, 3, 1), date(2026, 3, 2)])
def test_each_story_raises_exactly_one_alert_and_nothing_else_raises_any(store_master, last):
    load(last)
    assert_that_each_story_raises_exactly_one_alert(last)


def assert_that_each_story_raises_exactly_one_alert(last):
    """And that nothing else raises any."""
    refresh.refresh()
    now = datetime.combine(last + timedelta(days=1), time(12), UTC)
    alerts.evaluate(now)
    alerts.evaluate(now + timedelta(hours=2))
    assert Counter(Alert.objects.open().values_list("rule", "subject")) == history.STORIES
    assert Alert.objects.count() == len(history.STORIES)


def test_what_is_loaded_is_as_the_service_itself_would_have_stored_it(store_master):
    # A Saturday: the running week is nearly over.
    last = date(2026, 3, 7)
    jobs, images = load(last)
    assert (jobs, images) == (Job.objects.count(), ImageResult.objects.count())
    assert 13_000 < images < 16_000
    assert audit().is_clean
    assert not ImageResult.objects.unfinished().exists()
    assert Visit.objects.filter(visited_by="").count() == 0
    job = Job.objects.filter(status="failed").first()
    assert any("failed" in entry["error"] for entry in job.store_errors)
    assert_that_each_story_raises_exactly_one_alert(last)


def test_into_a_database_with_jobs_no_history_is_loaded(store_master, capsys):
    for _ in range(2):
        call_command("demo_history")
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("images of the last 13 weeks")
    assert second == "There are jobs already, so no visits were invented."
    assert Job.objects.count() == int(first.split()[0])


def test_the_twenty_stores_without_coordinates_are_the_ones_that_a_route_refuses(store_master):
    assert Store.objects.filter(latitude=None).count() == 20
    assert Store.objects.exclude(latitude=None).count() == 340
