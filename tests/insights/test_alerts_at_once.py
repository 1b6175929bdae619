"""What becomes of an alert that somebody dismisses while the rules are tried, and of two who try them at once?"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from insights import alerts
from insights.models import Alert, Refreshed
from tests.insights.alert_visits import NOW, make_areas, usual_visits
from tests.waiting import until_it_waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def few_visits():
    Refreshed.objects.create(pk=1, mark=NOW)
    make_areas("HILL")
    usual_visits("HILL", few=range(1, 15))


def try_rules():
    try:
        return alerts.evaluate(NOW)
    finally:
        connection.close()


def test_an_alert_that_is_dismissed_while_the_rules_are_tried_stays_dismissed():
    alerts.evaluate(NOW)
    alert = Alert.objects.get(of_all=True)
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            alerts.dismiss(alert.pk, User.objects.create_superuser("root"), "A festival", datetime.now(UTC))
            tried = other.submit(try_rules)
            until_it_waits_for_a_lock(tried)
        assert tried.result(timeout=20) == 0
    alert.refresh_from_db()
    assert (alert.state, alert.reason, alert.dismissed_by_name) == ("dismissed", "A festival", "root")
    assert [entry["what"] for entry in alert.history] == ["dismissed"]


def test_three_who_try_the_rules_at_once_raise_one_alert():
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda _: try_rules(), range(3), timeout=60)) == [1, 1, 1]
    assert Alert.objects.filter(of_all=True).count() == 1
