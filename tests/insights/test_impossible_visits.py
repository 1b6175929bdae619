"""When are two visits of one person too far apart for the time between them?"""

import pytest
from django.contrib.auth.models import User

from insights import alerts
from insights.models import Alert, Refreshed
from tests.insights.alert_visits import NOW, make_places, person, raised

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def refreshed(db):
    Refreshed.objects.create(pk=1, mark=NOW)


@pytest.fixture
def places():
    make_places()


def test_one_person_sixty_kilometres_apart_within_six_minutes_is_one_alert(places):
    person(("near", 0), ("far", 6), ("near", 12))
    assert alerts.evaluate(NOW) == 1
    assert raised() == [("impossible_visits", "rep-7", "2026-05-31", "2026-05-31", "open")]
    alert = Alert.objects.get()
    assert (alert.expected, round(alert.seen)) == (150, 600)
    assert alert.says == "60 km from store near to store far within 6 minutes; 150 km/h would be the most."


@pytest.mark.parametrize(("stops", "found"), [
    ((("near", 0), ("far", 25)), 0),
    ((("near", 0), ("far", 23)), 1),
    ((("near", 0), ("nearby", 0)), 0),
    ((("near", 0), ("far", 0)), 1),
    ((("near", 0), ("near", 1)), 0),
    ((("near", 0), ("nowhere", 1)), 0),
])  # fmt: skip
def test_impossible_is_faster_than_150_km_an_hour_and_at_least_five_km(places, stops, found):
    person(*stops)
    assert alerts.evaluate(NOW) == found


def test_two_people_and_two_owners_of_one_name_may_be_in_two_places(places):
    person(("near", 0), name="rep-1")
    person(("far", 1), name="rep-2")
    person(("far", 1), name="rep-1", owner=User.objects.create_user("other"))
    person(("near", 0), ("far", 1), name="")
    assert alerts.evaluate(NOW) == 0
