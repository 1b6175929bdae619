"""Do the visits that benchmarks and bounds are measured on hang together?"""

import pytest
from django.db import connection

from insights import refresh
from insights.models import HostHour, Refreshed, VisitSummary
from jobs.models import ImageResult, Job
from jobs.reporting.audit import audit
from proofs.world.visits import TABLES, Sizes, fill, fill_images
from stores.models import Store

pytestmark = pytest.mark.django_db(transaction=True)

SIZES = Sizes(visits=1_500, stores=60, areas=5, weeks=6, hosts=8)


def run(sql, parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else []


def rows():
    return list(VisitSummary.objects.order_by("pk").values())


def test_the_images_sum_up_to_the_summaries():
    fill(run, SIZES)
    made = rows()
    fill_images(run)
    assert (len(made), Store.objects.count(), Job.objects.count()) == (1_500, 60, 4)
    VisitSummary.objects.all().delete()
    HostHour.objects.all().delete()
    Refreshed.objects.all().delete()
    refresh.refresh()
    assert audit().is_clean
    images = ImageResult.objects.exclude(error_code="unknown_store").count()
    assert sum(sum(row.codes.values()) for row in HostHour.objects.all()) == images
    for was, now in zip(made, rows(), strict=True):
        assert now.pop("turnaround") == pytest.approx(was.pop("turnaround"), abs=1e-4)
        # A download that took no whole number of milliseconds.
        assert now.pop("fetch_ms") == pytest.approx(was.pop("fetch_ms"), abs=10)
        assert now == was


def test_the_same_sizes_make_the_same_visits_and_owners_take_turns():
    fill(run, Sizes(visits=1_200, stores=60, areas=5, weeks=6, hosts=8, owners=(7, None)), analyze=False)
    found = list(VisitSummary.objects.order_by("pk").values_list("store_id", "images", "failed", "host"))
    assert set(VisitSummary.objects.values_list("owner_id", flat=True)) == {7, None}
    run(f"TRUNCATE {', '.join(TABLES)} CASCADE", {})
    fill(run, Sizes(visits=1_200, stores=60, areas=5, weeks=6, hosts=8), analyze=False)
    again = list(VisitSummary.objects.order_by("pk").values_list("store_id", "images", "failed", "host"))
    assert found == again
