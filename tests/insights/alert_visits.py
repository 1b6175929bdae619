"""Visits and hosts that alerts are raised of, before a day on which the rules are tried."""

from datetime import UTC, date, datetime, timedelta

from insights.models import BUCKETS, Alert, HostHour, VisitSummary
from stores.models import Store
from tests.factories import submit_visits

# A Monday; the first day that is not over yet.
TODAY = date(2026, 6, 1)
NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
FIRST = TODAY - timedelta(days=91)


def at(day, hour=12):
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def make_areas(*areas, stores=10):
    Store.objects.bulk_create(
        Store(store_id=f"{area}-{number}", name="Shop", area_code=area) for area in areas for number in range(stores)
    )


def visit(store_ids_by_day, owner=None):
    """Summaries of visits: the ids of stores visited, by day."""
    start = VisitSummary.objects.count()
    VisitSummary.objects.bulk_create(
        VisitSummary(
            visit_id=start + number, job_id=1, owner_id=owner, store_id=store_id, visited_at=at(day), images=1,
            completed=1, failed=0, unprocessed=0, fetched=1, fetch_ms=10,
        )
        for number, (day, store_id) in enumerate(
            (day, store_id) for day, store_ids in store_ids_by_day.items() for store_id in store_ids
        )
    )  # fmt: skip


def usual_visits(area, per_day=10, *, few=(), fewer=4, owner=None, until=TODAY):
    """`per_day` visits on each day, and `fewer` on those that are that many days before TODAY."""
    days = ((until - FIRST).days, few)
    visit(
        {
            FIRST + timedelta(days=place): [
                f"{area}-{number % 10}" for number in range(fewer if days[0] - place in few else per_day)
            ]
            for place in range(days[0])
        },
        owner,
    )


def host(name, *, images=20, failing=(), failed=15, owner=None):
    HostHour.objects.bulk_create(
        HostHour(
            owner_id=owner, host=name, hour=at(FIRST + timedelta(days=place), 8), fetch=[0] * BUCKETS,
            codes={"": images - failed, "http_503": failed} if 91 - place in failing else {"": images},
        )
        for place in range(91)
    )  # fmt: skip


def raised(**filters):
    found = Alert.objects.filter(of_all=True, **filters).order_by("pk")
    return [(each.rule, each.subject, str(each.since), str(each.until), each.state) for each in found]


def weekly(store_id, last, number=13):
    return {last - timedelta(days=7 * back): [store_id] for back in range(number)}


def person(*stops, name="rep-7", owner=None):
    """Visits of one person: (store id, minutes after ten o'clock on the day before TODAY)."""
    job = submit_visits(*[(store_id, ["http://images.test/1.jpg"]) for store_id, _ in stops], owner=owner)
    begin = at(TODAY - timedelta(days=1), 10)
    for made, (_, minutes) in zip(job.visits.order_by("pk"), stops, strict=True):
        made.visited_by, made.visited_at = name, begin + timedelta(minutes=minutes)
        made.save()


def make_places():
    """Two stores 60 km apart, one 4 km from the first, and one that nobody has put on the map."""
    for store_id, latitude in (("near", 0.0), ("nearby", 0.036), ("far", 0.5396), ("nowhere", None)):
        longitude = None if latitude is None else -150.0
        Store.objects.create(store_id=store_id, name="S", area_code="A", latitude=latitude, longitude=longitude)
