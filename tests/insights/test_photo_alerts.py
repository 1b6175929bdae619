"""Does what was found about photos raise one alert for each kind, of the photos that one may see?"""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from insights import alerts
from insights.audience import EVERYBODY, Audience
from insights.models import Alert
from insights.photo_alerts import of_verdicts, photo_findings
from insights.rules import RULES
from photos import findings, kinds
from photos.models import Finding, VisitVerdict
from tests.insights.alert_visits import NOW, TODAY
from tests.insights.visits import make_areas, make_visits
from tests.photos.conftest import photo, visited

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann():
    return User.objects.create_user("ann")


def copies(owner, days_ago=1, number=2):
    """Photos of several stores that are one, so many but the first found."""
    at = NOW - timedelta(days=days_ago)
    visited(*((f"S-{each}", at, [photo("a")]) for each in range(number + 1)), owner=owner)
    findings.find()


def test_every_kind_that_is_an_alert_is_a_rule_and_no_other_kind():
    assert {code for code in kinds.KINDS if code in RULES} == {
        kinds.OTHER_STORE, kinds.OTHER_DAY, kinds.OTHER_TIME, kinds.ELSEWHERE
    }  # fmt: skip


def test_all_photos_of_a_kind_are_one_finding(ann):
    copies(ann, number=3)
    (found,) = photo_findings(EVERYBODY, TODAY, kinds.OTHER_STORE)
    assert (found.kind, found.seen, found.until) == ("service", 3, TODAY - timedelta(days=1))
    assert found.says == "3 photos of 3 visits within 28 days."
    assert list(photo_findings(EVERYBODY, TODAY, kinds.OTHER_DAY)) == []


def test_of_one_photo_it_is_said_in_the_singular(ann):
    copies(ann, number=1)
    (found,) = photo_findings(EVERYBODY, TODAY, kinds.OTHER_STORE)
    assert found.says == "1 photo of 1 visit within 28 days."


@pytest.mark.parametrize(("days", "number"), [(27, 1), (28, 0), (-1, 0)])
def test_visits_of_28_days_count(ann, days, number):
    copies(ann, days_ago=days)
    assert len(list(photo_findings(EVERYBODY, TODAY, kinds.OTHER_STORE))) == number


def test_an_owner_is_told_of_own_photos_only(ann):
    copies(ann)
    other = Audience(of_all=False, owner_id=User.objects.create_user("bob").pk)
    assert list(photo_findings(other, TODAY, kinds.OTHER_STORE)) == []
    assert list(photo_findings(Audience(of_all=False), TODAY, kinds.OTHER_STORE)) == []
    assert len(list(photo_findings(Audience(of_all=False, owner_id=ann.pk), TODAY, kinds.OTHER_STORE))) == 1


def test_it_is_one_alert_which_goes_on_and_is_over_once_there_is_none(ann):
    make_areas("A")
    make_visits("A", owner=ann.pk, weeks=2)
    copies(ann)
    alerts.evaluate(NOW)
    alerts.evaluate(NOW + timedelta(hours=1))
    mine = Alert.objects.filter(rule=kinds.OTHER_STORE)
    assert sorted(mine.values_list("of_all", "owner_id", "state")) == [(False, ann.pk, "open"), (True, None, "open")]
    Finding.objects.all().delete()
    alerts.evaluate(NOW + timedelta(hours=2))
    assert set(mine.values_list("state", flat=True)) == {"over"}


def test_its_rule_is_tested_by_what_people_have_decided(ann):
    for number in range(5):
        VisitVerdict.objects.create(
            visit_id=number, job_id=1, owner_id=ann.pk, store_id="s", is_fine=number < 2, codes=[kinds.OTHER_STORE],
            decided_at=NOW,
        )  # fmt: skip
    tested = of_verdicts(EVERYBODY, TODAY, kinds.OTHER_STORE)
    assert (tested.n, tested.found, tested.case) == (5, 2, "judged visits")
    assert of_verdicts(EVERYBODY, TODAY, kinds.OTHER_DAY).n == 0
    assert of_verdicts(Audience(of_all=False), TODAY, kinds.OTHER_STORE).n == 0
