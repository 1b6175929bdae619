"""The page of routes: stores in, their order out, drawn and as CSV; nothing is stored."""

import csv
import re
from io import StringIO

import pytest

from dashboard.route_drawing import HEIGHT, WIDTH, draw
from insights.routes import MOST_STOPS, find_route
from stores.models import Store, StoreGroup
from tests.dashboard.conftest import HOSTILE

pytestmark = pytest.mark.django_db
PACE = {"minutes_per_stop": "10", "speed_kmh": "60", "road_factor": "1"}


@pytest.fixture(autouse=True)
def stores():
    Store.objects.bulk_create(
        Store(store_id=f"S{number}", name=f"Shop {number}", area_code="A", latitude=10, longitude=number / 100)
        for number in range(4)
    )
    Store.objects.create(store_id="N1", name=HOSTILE, area_code="B")


def test_it_begins_empty_or_with_the_stores_asked_for(page):
    assert page.get("/stores/route/").context["stores"] == ""
    assert page.get("/stores/route/", {"area": "B"}).context["stores"] == "N1"
    assert page.get("/stores/route/", {"q": "shop", "area": "A"}).context["stores"] == "S0\nS1\nS2\nS3"
    group = StoreGroup.objects.create(name="Mine", name_part="3")
    answer = page.get("/stores/route/", {"group": group.pk})
    assert answer.context["stores"] == "S3"
    assert "By group Mine" in answer.text


def test_of_very_many_the_first_are_taken_and_it_says_so(page):
    Store.objects.bulk_create(
        Store(store_id=f"M{number:03}", name="Many", area_code="M") for number in range(MOST_STOPS + 1)
    )
    answer = page.get("/stores/route/", {"area": "M"})
    assert len(answer.context["stores"].split()) == MOST_STOPS
    assert "The first 200 stores, and no more" in answer.text


def test_the_order_is_shown_with_its_legs_and_a_drawing(page):
    answer = page.post("/stores/route/", {"stores": "S2\nS0, S3\nS1", "start": "S0", **PACE})
    assert [stop.store.store_id for stop in answer.context["route"].stops] == ["S0", "S1", "S2", "S3"]
    assert "Straight lines \u00d7 1" in answer.text
    assert "No road map was asked" in answer.text
    assert answer.text.count('class="stop') == 4
    assert "style=" not in answer.text


def test_its_csv_holds_the_order_and_no_formula(page):
    Store.objects.create(store_id="=1+1", name="@SUM(A1)", area_code="-2", latitude=10, longitude=0.05)
    answer = page.post("/stores/route/", {"stores": "=1+1,S0", "start": "S0", "csv": "1", **PACE})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    head, first, second = csv.reader(StringIO(answer.content.decode("utf-8-sig")))
    assert head[:4] == ["stop", "store_id", "name", "area"]
    assert first[:4] == ["1", "S0", "Shop 0", "A"]
    assert second[:4] == ["2", "'=1+1", "'@SUM(A1)", "'-2"]
    assert second[6] == second[8] == "5.475"


@pytest.mark.parametrize(
    ("stores", "named"),
    [("S0,N1", "N1"), ("S0,X1,X2", "X1, X2"), (HOSTILE, "&lt;script&gt;")],
)
def test_stores_that_no_route_leads_to_are_named(page, stores, named):
    answer = page.post("/stores/route/", {"stores": stores, **PACE})
    assert named in answer.text
    assert "route" not in answer.context
    assert HOSTILE not in answer.text


def test_or_they_are_left_out_and_named_all_the_same(page):
    asked = {"stores": "S0,N1,S1,X", "leave_out": "1", **PACE}
    answer = page.post("/stores/route/", asked)
    assert answer.context["left_out"] == ["X", "N1"]
    assert len(answer.context["route"].stops) == 2
    # The beginning is not.
    assert "Store N1 has no coordinates" in page.post("/stores/route/", {**asked, "start": "N1"}).text
    assert "2 stores are not" in page.post("/stores/route/", {**asked, "stores": "X,Y"}).text


def test_too_many_stops_are_refused(page):
    answer = page.post("/stores/route/", {"stores": "\n".join(map(str, range(MOST_STOPS + 1))), **PACE})
    assert "A route has at most 200 stops, and these are 201" in answer.text


@pytest.mark.parametrize(
    ("field", "value"),
    [("stores", " "), ("speed_kmh", "0"), ("speed_kmh", "fast"), ("road_factor", "0.9"), ("minutes_per_stop", "nan")],
)
def test_what_is_wrong_stands_beside_its_field(page, field, value):
    answer = page.post("/stores/route/", {"stores": "S0", **PACE, field: value})
    assert list(answer.context["errors"]) == [field]
    assert 'aria-invalid="true"' in answer.text


def points(drawing):
    return [tuple(map(float, pair)) for pair in re.findall(r"([\d.-]+) ([\d.-]+)", drawing.path)]


@pytest.mark.parametrize(
    "places",
    [
        [(0, 179.9), (0.1, -179.9), (0, -179.7)],
        [(10, 10)],
        [(10, 10), (10, 10)],
        [(10, 10), (10, 11), (10, 12)],
        [(89.9, 0), (89.9, 120), (89.9, -120)],
        [(-90, 0), (90, 0)],
    ],
)
def test_a_drawing_stays_in_its_box(places):
    Store.objects.all().delete()
    Store.objects.bulk_create(
        Store(store_id=f"P{number}", name="P", area_code="A", latitude=latitude, longitude=longitude)
        for number, (latitude, longitude) in enumerate(places)
    )
    drawing = draw(find_route([f"P{number}" for number in range(len(places))]))
    assert len(points(drawing)) == len(places)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points(drawing))


def test_north_is_up_and_east_is_right_and_a_km_as_long_in_both_directions():
    Store.objects.bulk_create(
        Store(store_id=store_id, name=store_id, area_code="A", latitude=latitude, longitude=longitude)
        for store_id, latitude, longitude in (("A", 60, 20), ("B", 60.5, 20), ("C", 60.5, 21))
    )
    (ax, ay), (bx, by), (cx, cy) = points(draw(find_route(["A", "B", "C"], "A", "C")))
    assert (ax, by) == (bx, cy)
    assert by < ay
    assert cx > bx
    # Half a degree up, and one of half the length to the east.
    assert cx - bx == pytest.approx(ay - by, rel=0.02)
