"""Do the pages of alerts show what one may see, take a reason, and say how often a rule is wrong?"""

import pytest
from django.contrib.auth.models import User

from insights.models import Alert, RuleCheck
from insights.rules import RULES
from stores.models import Store
from tests.api.v1.test_alerts import NOW, make_alert
from tests.factories import make_staff

pytestmark = pytest.mark.django_db


def test_without_alerts_the_page_says_so(page):
    text = page.get("/alerts/").text
    assert "No rule has found anything unusual." in text
    assert "The rules have not been tried on your data yet" in text
    assert all(f"/alerts/rules/{name}/" in text for name in RULES)


def test_only_ones_own_alerts_are_listed_and_found(page, anna):
    make_alert("MINE", owner_id=anna.pk)
    others = [make_alert("OTHERS", owner_id=User.objects.create_user("other").pk), make_alert("ALL", of_all=True)]
    text = page.get("/alerts/").text
    assert "MINE" in text
    assert "1 open, of your own jobs" in text
    assert "OTHERS" not in text
    assert "ALL<" not in text
    for alert in others:
        for path in ("", "dismiss/", "reopen/"):
            answer = (
                page.post(f"/alerts/{alert.pk}/{path}", {"reason": "x"}) if path else page.get(f"/alerts/{alert.pk}/")
            )
            assert answer.status_code == 404
    assert set(Alert.objects.values_list("state", flat=True)) == {"open"}


def test_the_open_ones_come_first_and_others_are_filtered(page, anna):
    make_alert("GONE", owner_id=anna.pk, state="over")
    make_alert("HILL", owner_id=anna.pk)
    Store.objects.create(store_id="S-1", name="S", area_code="A")
    make_alert("S-1", owner_id=anna.pk, kind="store", rule="overdue_store")
    text = page.get("/alerts/").text
    assert "GONE" not in text
    assert f"/stores/{Store.objects.get().pk}/" in text
    assert "GONE" in page.get("/alerts/?state=all").text
    assert "HILL" not in page.get("/alerts/?state=over").text
    assert "HILL" not in page.get("/alerts/?rule=overdue_store").text
    assert "No alert matches" in page.get("/alerts/?about=nothing").text


def test_fifty_are_on_a_page(page, anna):
    for number in range(51):
        make_alert(f"area {number:02}", owner_id=anna.pk)
    text = page.get("/alerts/").text
    assert "area 00" not in text
    last = Alert.objects.get(subject="area 01").pk
    assert f"before={last}" in text
    assert "area 00" in page.get(f"/alerts/?state=open&before={last}").text


def test_a_dismissal_needs_a_reason_and_can_be_taken_back(page, anna):
    alert = make_alert(owner_id=anna.pk)
    path = f"/alerts/{alert.pk}/"
    assert "Say why" in page.post(f"{path}dismiss/", {"reason": " "}, follow=True).text
    assert "Say why" in page.post(f"{path}dismiss/", {"reason": "x" * 501}, follow=True).text
    assert Alert.objects.get().state == "open"
    text = page.post(f"{path}dismiss/", {"reason": "<b>festival</b>"}, follow=True).text
    assert "by anna: &lt;b&gt;festival&lt;/b&gt;" in text
    assert "is dismissed, so it cannot" in page.post(f"{path}dismiss/", {"reason": "x"}, follow=True).text
    assert "The alert is open again." in page.post(f"{path}reopen/", follow=True).text


def test_staff_who_may_only_view_see_no_form(client):
    alert = make_alert(of_all=True)
    client.force_login(make_staff("view_job"))
    assert "Dismiss" not in client.get(f"/alerts/{alert.pk}/").text
    assert client.post(f"/alerts/{alert.pk}/dismiss/", {"reason": "x"}).status_code == 403


@pytest.mark.parametrize("name", RULES)
def test_each_rule_has_a_page_with_its_formula_and_how_often_it_is_wrong(client, name):
    client.force_login(make_staff("view_job"))
    assert "Not tested on your data yet." in client.get(f"/alerts/rules/{name}/").text
    tested = {
        "case": "cases", "n": 2000, "found": 5, "says": "Of these.", "means": "False.", "invented": 29, "false": 1,
        "planted": 40, "planted_found": 39,
    }  # fmt: skip
    RuleCheck.objects.create(of_all=True, rule=name, checked_at=NOW, found=1, backtest=tested, tested_at=NOW)
    text = client.get(f"/alerts/rules/{name}/").text
    assert all(
        figure in text for figure in ("2,000 cases", '>2.5 <span class="quiet">(1.1 to 5.8)<', "too few", ">975.0 <")
    )
    assert RULES[name].title in text


def test_an_unknown_rule_has_no_page(page):
    assert page.get("/alerts/rules/nothing/").status_code == 404
