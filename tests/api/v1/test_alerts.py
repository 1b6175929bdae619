"""Who reads which alerts, who dismisses them, and what a back-test says."""

from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import User

from insights.models import Alert, RuleCheck
from insights.rules import RULES
from tests.api.v1.conftest import assert_problem
from tests.factories import make_staff

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)


def make_alert(subject="HILL", **changed):
    values = {
        "of_all": False, "owner_id": None, "rule": "area_visits", "kind": "area", "direction": -1,
        "since": date(2026, 5, 18), "until": date(2026, 5, 31), "expected": 70.0, "seen": 28.0,
        "says": "28 visits.", "first_seen": NOW, "last_seen": NOW,
    }  # fmt: skip
    return Alert.objects.create(subject=subject, **{**values, **changed})


def listed(api, **query):
    return [row["subject"] for row in api.get("alerts", query).json()["results"]]


def test_an_alert_says_its_rule_what_was_expected_and_what_was_seen(v1):
    alert = make_alert()
    answer = v1.get(f"alerts/{alert.pk}").json()
    assert answer == {
        "id": alert.pk, "rule": "area_visits", "subject_kind": "area", "subject": "HILL", "since": "2026-05-18",
        "until": "2026-05-31", "expected": 70.0, "seen": 28.0, "unit": "visits", "says": "28 visits.", "state": "open",
        "first_seen": "2026-06-01T09:00:00Z", "last_seen": "2026-06-01T09:00:00Z", "dismissed_at": None,
        "dismissed_by": "", "reason": "", "history": [],
    }  # fmt: skip


def test_everybody_reads_the_alerts_of_their_own_jobs_and_staff_those_of_all(v1, as_user, person):
    other = User.objects.create_user("other")
    for subject, owner in (("theirs", person.pk), ("other's", other.pk), ("nobody's", None)):
        make_alert(subject, owner_id=owner)
    everybodys = make_alert("everybody's", of_all=True)
    assert listed(v1) == ["nobody's"]
    assert listed(as_user(person)) == ["theirs"]
    assert listed(as_user(make_staff("view_job"))) == ["everybody's"]
    # Staff may read each owner's alerts, which their list leaves out.
    assert as_user(User.objects.get(username="chief")).get(f"alerts/{everybodys.pk - 1}").status_code == 200
    for api in (v1, as_user(person)):
        assert_problem(api.get(f"alerts/{everybodys.pk}"), 404, "not-found")
        for verb in ("dismiss", "reopen"):
            body = {"reason": "x"} if verb == "dismiss" else None
            assert_problem(api.post(f"alerts/{everybodys.pk}/{verb}", body), 404, "not-found")


def test_the_list_is_filtered_and_the_latest_come_first(v1):
    make_alert("HILL")
    make_alert("LAKE", state="over")
    make_alert("HILL", kind="store", rule="overdue_store")
    make_alert("photos.test", kind="host", rule="host_failures")
    make_alert("rep", kind="visited_by", rule="impossible_visits")
    assert listed(v1) == ["rep", "photos.test", "HILL", "LAKE", "HILL"]
    assert listed(v1, state="over") == ["LAKE"]
    assert listed(v1, rule="overdue_store", state="open") == ["HILL"]
    for name, kind in (("area", "area"), ("store", "store")):
        (row,) = v1.get("alerts", {name: "HILL"}).json()["results"]
        assert row["subject_kind"] == kind
    assert listed(v1, host="photos.test") == ["photos.test"]
    assert listed(v1, visited_by="rep") == ["rep"]
    assert listed(v1, area="photos.test") == []


def test_the_list_is_paged_by_key(v1):
    for number in range(3):
        make_alert(str(number))
    first = v1.get("alerts", {"limit": 2}).json()
    assert [row["subject"] for row in first["results"]] == ["2", "1"]
    assert listed(v1, limit=2, cursor=first["next_cursor"]) == ["0"]


@pytest.mark.parametrize("query", [{"state": "closed"}, {"rule": "none"}, {"stat": "open"}])
def test_an_unknown_filter_is_refused(v1, query):
    assert_problem(v1.get("alerts", query), 400, "invalid-request")


def test_a_dismissal_keeps_the_reason_and_can_be_taken_back(as_user, person):
    alert, api = make_alert(owner_id=person.pk), as_user(person)
    answer = api.post(f"alerts/{alert.pk}/dismiss", {"reason": " A festival "}).json()
    assert (answer["state"], answer["reason"], answer["dismissed_by"]) == ("dismissed", "A festival", "person")
    assert_problem(api.post(f"alerts/{alert.pk}/dismiss", {"reason": "again"}), 409, "conflict")
    answer = api.post(f"alerts/{alert.pk}/reopen").json()
    assert (answer["state"], answer["reason"], answer["dismissed_at"]) == ("open", "", None)
    assert [(each["what"], each["by"]) for each in answer["history"]] == [
        ("dismissed", "person"), ("reopened", "person"),
    ]  # fmt: skip
    assert_problem(api.post(f"alerts/{alert.pk}/reopen"), 409, "conflict")


@pytest.mark.parametrize(
    "body", [None, {}, {"reason": ""}, {"reason": "  "}, {"reason": 1}, {"reason": "x" * 501}, {"reason": "x", "a": 1}]
)
def test_a_dismissal_needs_a_reason(v1, body):
    alert = make_alert()
    assert_problem(v1.post(f"alerts/{alert.pk}/dismiss", body), 400, "invalid-submission")
    assert Alert.objects.get().state == "open"
    assert v1.post(f"alerts/{alert.pk}/dismiss", {"reason": "x" * 500}).status_code == 200


def test_staff_who_may_only_view_jobs_cannot_dismiss(as_user):
    alert = make_alert(of_all=True)
    assert_problem(
        as_user(make_staff("view_job")).post(f"alerts/{alert.pk}/dismiss", {"reason": "x"}), 403, "not-allowed"
    )
    changer = as_user(make_staff("change_job", name="changer"))
    assert changer.post(f"alerts/{alert.pk}/dismiss", {"reason": "x"}).status_code == 200


def test_rules_say_how_often_they_are_wrong_on_the_data_of_who_asks(v1, as_user):
    tested = {
        "case": "area-days", "n": 2000, "found": 5, "says": "…", "means": "…", "invented": 29, "false": 0, "planted": 0,
        "planted_found": 0,
    }  # fmt: skip
    RuleCheck.objects.create(of_all=True, rule="area_visits", checked_at=NOW, found=1, backtest=tested, tested_at=NOW)
    rules = {rule["name"]: rule for rule in as_user(make_staff("view_job")).get("alert-rules").json()}
    assert list(rules) == list(RULES)
    assert rules["area_visits"]["checked_at"] == "2026-06-01T09:00:00Z"
    found = rules["area_visits"]["backtest"]
    assert (found["found_per_thousand"]["value"], found["found_per_thousand"]["n"]) == (2.5, 2000)
    assert found["false_per_thousand"] == {"value": None, "n": 29, "why": "too_few"}
    assert rules["overdue_store"]["backtest"] is None
    assert all(rule["backtest"] is None for rule in v1.get("alert-rules").json())
