"""`POST /api/v1/routes`: the order, its legs, and every way in which it is refused."""

import pytest

from insights.routes import MOST_STOPS
from stores.models import Store
from tests.api.v1.conftest import assert_problem

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def stores():
    Store.objects.bulk_create(
        Store(store_id=f"S{number}", name=f"Shop {number}", area_code="A", latitude=0, longitude=number)
        for number in range(4)
    )
    Store.objects.bulk_create(Store(store_id=f"N{number}", name="Nowhere", area_code="A") for number in range(2))


def test_it_answers_the_order_with_its_legs_and_what_it_saves(v1):
    pace = {"minutes_per_stop": 5, "speed_kmh": 60, "road_factor": 2}
    found = v1.post("routes", {"stores": ["S2", "S0", "S3"], "start": "S1", "end": "S1", **pace}).json()
    assert {key: found[key] for key in pace} == pace
    assert found["distance"] == "straight line x 2"
    assert [stop["store_id"] for stop in found["stops"]] in (
        ["S1", "S0", "S2", "S3", "S1"],
        ["S1", "S2", "S3", "S0", "S1"],
        ["S1", "S3", "S2", "S0", "S1"],
        ["S1", "S0", "S3", "S2", "S1"],
    )
    assert found["km"] == pytest.approx(2 * 6 * 111.195, abs=0.02) == found["stops"][-1]["total_km"]
    assert found["minutes"] == pytest.approx(found["km"] + 20)
    assert found["given_km"] - found["km"] == pytest.approx(found["saved_km"])
    assert found["stops"][0] | {"total_minutes": 0} == {
        "store_id": "S1", "name": "Shop 1", "area": "A", "latitude": 0, "longitude": 1, "km": 0, "minutes": 0,
        "total_km": 0, "total_minutes": 0,
    }  # fmt: skip


def test_without_more_the_usual_pace_is_said(v1):
    found = v1.post("routes", {"stores": ["S0", "S1"]}).json()
    assert (found["distance"], found["minutes_per_stop"], found["speed_kmh"]) == ("straight line x 1.3", 15, 25)


def test_stores_without_coordinates_are_all_listed(v1):
    problem = assert_problem(v1.post("routes", {"stores": ["S0", "N1"], "start": "N0"}), 422, "coordinates-missing")
    assert problem["detail"] == "2 stores have no coordinates."
    assert [(error["pointer"], error["store_id"]) for error in problem["errors"]] == [
        ("#/start", "N0"), ("#/stores/1", "N1"),
    ]  # fmt: skip


def test_unknown_stores_are_all_listed(v1):
    problem = assert_problem(v1.post("routes", {"stores": ["X", "S0", "N1"], "end": "Y"}), 422, "unknown-stores")
    assert [(error["pointer"], error["store_id"]) for error in problem["errors"]] == [
        ("#/stores/0", "X"), ("#/end", "Y"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "#/stores"),
        ({"stores": []}, "#/stores"),
        ({"stores": "S0"}, "#/stores"),
        ({"stores": ["S0", 7]}, "#/stores"),
        ({"stores": ["S0", ""]}, "#/stores"),
        ({"stores": ["S0", "S1", "S0"]}, "#/stores"),
        ({"stores": ["S0"], "start": None}, "#/start"),
        ({"stores": ["S0"], "speed_kmh": 0}, "#/speed_kmh"),
        ({"stores": ["S0"], "speed_kmh": 200.1}, "#/speed_kmh"),
        ({"stores": ["S0"], "minutes_per_stop": -0.1}, "#/minutes_per_stop"),
        ({"stores": ["S0"], "minutes_per_stop": 1441}, "#/minutes_per_stop"),
        ({"stores": ["S0"], "minutes_per_stop": True}, "#/minutes_per_stop"),
        ({"stores": ["S0"], "road_factor": 0.99}, "#/road_factor"),
        ({"stores": ["S0"], "road_factor": 5.01}, "#/road_factor"),
        ({"stores": ["S0"], "avoid": "tolls"}, "#/avoid"),
    ],
)
def test_a_body_that_is_not_understood_is_refused_with_its_place(v1, body, place):
    problem = assert_problem(v1.post("routes", body), 400, "invalid-submission")
    assert problem["errors"][0]["pointer"] == place


@pytest.mark.parametrize("pace", [(1, 0, 1), (200, 1440, 5)])
def test_every_limit_is_within_what_is_allowed(v1, pace):
    values = dict(zip(("speed_kmh", "minutes_per_stop", "road_factor"), pace, strict=True))
    assert v1.post("routes", {"stores": ["S0", "S1"], **values}).status_code == 200


def test_there_may_be_so_many_stops_and_no_more(v1):
    Store.objects.bulk_create(
        Store(store_id=f"M{number}", name="Many", area_code="A", latitude=1, longitude=number / 10)
        for number in range(MOST_STOPS)
    )
    ids = [f"M{number}" for number in range(MOST_STOPS)]
    assert len(v1.post("routes", {"stores": ids}).json()["stops"]) == MOST_STOPS
    for body in ({"stores": [*ids, "S0"]}, {"stores": ids, "start": "S0"}):
        problem = assert_problem(v1.post("routes", body), 400, "invalid-submission")
        assert "200" in problem["detail"]


def test_it_may_only_be_posted(v1):
    assert v1.get("routes").status_code == 405
