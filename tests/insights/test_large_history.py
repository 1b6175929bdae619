"""Does a refresh go by its indexes, whatever the planner believes of the tables, in a memory that does not grow?"""

import tracemalloc

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from insights import refresh
from insights.models import HostHour, Refreshed, VisitSummary
from proofs.world.visits import TABLES, Sizes, fill, fill_images
from tests.end_to_end.test_large_database import run, scans

VISITS = 3_000
COUNTED = ("insights_visitsummary", "jobs_job", "jobs_visit", "jobs_imageresult")
NAMES = ", ".join(f"'{name}'" for name in COUNTED)
# Where it knows them, it rightly reads a table of this size as a whole for a third of its rows.
STATISTICS = {
    "of no rows": [f"UPDATE pg_class SET reltuples = 0, relpages = 1 WHERE relname IN ({NAMES})"],
    "none": [
        f"UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relname IN ({NAMES})",
        f"DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE relname IN ({NAMES}))",
    ],
}


@pytest.fixture(scope="module")
def history(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        fill(run, Sizes(visits=VISITS, stores=100, areas=5, hosts=8), analyze=False)
        fill_images(run, analyze=False)
        run("TRUNCATE insights_visitsummary, insights_hosthour, insights_refreshed", {})
        yield
        run(f"TRUNCATE {', '.join(TABLES)}, insights_refreshed CASCADE", {})
        connection.close()


@pytest.mark.parametrize("statistics", STATISTICS)
def test_a_refresh_and_a_rebuild_look_images_up_by_their_indexes(history, db, monkeypatch, statistics):
    for statement in STATISTICS[statistics]:
        run(statement, {})
    # To look through all visits, or all images, for each visit would take far longer.
    run("SET LOCAL statement_timeout = '3s'", {})
    monkeypatch.setitem(settings.LONG_STATEMENT_SECONDS, "refresh", 3.0)
    before = [scans(name) for name in ("jobs_imageresult", "jobs_visit")]
    done = refresh.refresh()
    assert (done.visits >= VISITS, VisitSummary.objects.count()) == (True, VISITS)
    list(refresh.rebuild())
    assert [scans(name) for name in ("jobs_imageresult", "jobs_visit")] == before
    assert HostHour.objects.exists()
    assert Refreshed.objects.exists()


@pytest.mark.parametrize("again", [False, True])
def test_a_refresh_of_many_slices_holds_no_more_than_one_slice(history, db, monkeypatch, again):
    monkeypatch.setattr(refresh, "MOST_IMAGES", 500)
    if again:
        Refreshed.objects.create(pk=1, mark=timezone.now())
    peaks = []
    tracemalloc.start()
    try:
        for _ in refresh.rebuild() if again else refresh.slices():
            peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    assert len(peaks) > 25
    assert peaks[-1] - peaks[9] < 50_000
