"""How a job's areas move, what a rule asks of an image, and who may set rules and weights."""

import pytest
from django.contrib.auth.models import User

from jobs import queue
from jobs.models import ImageResult
from stores.models import AreaWeight, Category, CategoryRule, Store
from tests.api.v1.conftest import assert_problem
from tests.factories import allow, make_worker, submit_visits, success

pytestmark = pytest.mark.django_db


@pytest.fixture
def stores():
    bakery = Category.objects.create(name="Bakery")
    Store.objects.bulk_create(
        Store(store_id=f"{area}{number}", name="x", area_code=area, category=bakery if area == "B" else None)
        for area, count in (("A", 3), ("B", 1))
        for number in range(count)
    )
    return bakery


@pytest.fixture
def owner():
    return User.objects.create_user("owner")


@pytest.fixture
def job(stores, owner):
    urls = ["http://p.test/1", "http://p.test/2"]
    return submit_visits(*((store, urls) for store in ("A0", "A1", "A2", "B0", "gone")), owner=owner)


@pytest.fixture
def editor(as_user):
    return as_user(allow(User.objects.create_user("editor"), "change_store"))


def test_a_jobs_areas_show_slots_beside_stores(job, owner, as_user):
    worker = make_worker()
    claims = queue.claim(worker, limit=4)
    queue.record(worker, [success(claims[0])])
    AreaWeight.objects.create(area_code="B", weight=2)
    found = as_user(owner).get(f"jobs/{job.pk}/areas").json()
    assert found["total"] == 3
    first, *others = found["areas"]
    assert [first["area"], *(each["area"] for each in others)] == ["A", "B", None]
    assert (first["stores"], first["images"], first["share_of_stores"]) == (3, 6, 0.6)
    assert sum(each["running"] for each in found["areas"]) == 3
    assert sum(each["share_of_slots"] for each in found["areas"]) == pytest.approx(1)
    assert sum(each["finished"] for each in found["areas"]) == 3
    assert [each["weight"] for each in found["areas"]] == [1, 2, 1]


def test_a_job_without_slots_has_no_shares_of_them(job, owner, as_user):
    assert {each["share_of_slots"] for each in as_user(owner).get(f"jobs/{job.pk}/areas").json()["areas"]} == {None}


def test_areas_of_somebody_elses_job_are_not_found(job, as_user):
    v1 = as_user(User.objects.create_user("other"))
    assert_problem(v1.get(f"jobs/{job.pk}/areas"), 404, "not-found")


def test_a_very_large_job_is_not_counted(job, owner, as_user, monkeypatch):
    v1 = as_user(owner)
    image = ImageResult.objects.filter(job=job).first()
    for most, is_counted in ((10, True), (9, False)):
        monkeypatch.setattr("jobs.reporting.areas.MOST_IMAGES", most)
        assert (v1.get(f"jobs/{job.pk}/areas").json()["areas"] is not None) == is_counted
        assert (v1.get(f"jobs/{job.pk}/images/{image.pk}").json()["turn"] is not None) == is_counted


def test_a_pending_image_says_when_its_turn_is(job, owner, as_user):
    v1 = as_user(owner)
    rows = list(ImageResult.objects.filter(job=job, state="pending").order_by("rank", "id"))
    turns = [v1.get(f"jobs/{job.pk}/images/{row.pk}").json()["turn"] for row in rows]
    assert [turn["in_job"] for turn in turns] == list(range(1, 9))
    assert [turn["in_area"] for turn in turns if turn["area"] == "A"] == list(range(1, 7))
    assert [turn["in_area"] for turn in turns if turn["area"] == "B"] == [1, 2]
    assert {turn["of_job"] for turn in turns} == {8}


def test_a_final_image_has_no_turn(job, owner, as_user):
    image = ImageResult.objects.filter(job=job, state="failed").first()
    assert as_user(owner).get(f"jobs/{job.pk}/images/{image.pk}").json()["turn"] is None


def test_an_image_says_what_its_categorys_rule_asks(stores, owner, as_user):
    CategoryRule.objects.create(category=stores, min_width=640, priority=-1)
    job = submit_visits(("B0", ["http://p.test/1"]), ("A0", ["http://p.test/1"]), owner=owner)
    of_rule, of_none = ImageResult.objects.filter(job=job).order_by("id")
    v1 = as_user(owner)
    found = v1.get(f"jobs/{job.pk}/images/{of_rule.pk}").json()
    assert found["category_rule"] == {"priority": -1, "min_width": 640, "min_height": None}
    assert v1.get(f"jobs/{job.pk}/images/{of_none.pk}").json()["category_rule"] is None


# --- rules


def test_a_rule_is_made_changed_and_removed(stores, editor):
    path = f"category-rules/{stores.pk}"
    assert_problem(editor.get(path), 404, "not-found")
    asked = {"priority": 3, "most_images": 5, "allowed_hosts": ["*.photos.example"], "min_width": 640}
    made = editor.patch(path, asked).json()
    assert made == {**made, **asked, "category": "Bakery", "category_id": stores.pk, "min_height": None}
    changed = editor.patch(path, {"most_images": None}).json()
    assert changed == {**made, "most_images": None, "updated_at": changed["updated_at"]}
    assert editor.get("category-rules").json()["results"] == [changed]
    assert editor.post(path, method="DELETE").status_code == 204
    assert editor.get("category-rules").json()["results"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("priority", 10),
        ("priority", -10),
        ("priority", True),
        ("most_images", 0),
        ("most_images", 10_001),
        ("most_images", "5"),
        ("min_width", 100_001),
        ("min_height", 0),
        ("allowed_hosts", "photos.example"),
        ("allowed_hosts", ["Photos.Example"]),
        ("allowed_hosts", ["photos.example:443"]),
        ("allowed_hosts", ["https://photos.example"]),
        ("allowed_hosts", [""]),
        ("allowed_hosts", ["a.example"] * 101),
        ("colour", "red"),
    ],
)
def test_what_a_rule_cannot_be_is_refused_at_its_place(stores, editor, field, value):
    problem = assert_problem(editor.patch(f"category-rules/{stores.pk}", {field: value}), 400, "invalid-submission")
    assert [error["pointer"] for error in problem["errors"]] == [f"#/{field}"]
    assert not CategoryRule.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("priority", 9), ("priority", -9), ("most_images", 10_000), ("min_width", 100_000), ("min_height", 1)],
)
def test_the_limits_themselves_are_taken(stores, editor, field, value):
    assert editor.patch(f"category-rules/{stores.pk}", {field: value}).status_code == 200


def test_only_who_may_change_stores_sets_rules_and_weights(stores, as_user, v1):
    other = as_user(User.objects.create_user("other"))
    assert_problem(other.patch(f"category-rules/{stores.pk}", {"priority": 1}), 403, "not-allowed")
    assert_problem(other.post("area-weights", {"area": "A", "weight": 2}), 403, "not-allowed")
    # An open API changes no store master.
    assert_problem(v1.patch(f"category-rules/{stores.pk}", {"priority": 1}), 401, "not-signed-in")
    assert other.get("category-rules").status_code == other.get("area-weights").status_code == 200


def test_a_rule_of_a_category_that_is_none_is_not_found(editor):
    assert_problem(editor.patch("category-rules/999", {"priority": 1}), 404, "not-found")


# --- weights


@pytest.mark.parametrize(("weight", "status"), [(0.1, 200), (10, 200), (0.09, 400), (10.1, 400), (True, 400)])
def test_a_weight_has_its_bounds(editor, weight, status):
    assert editor.post("area-weights", {"area": "A", "weight": weight}).status_code == status
    assert AreaWeight.objects.count() == (status == 200)


def test_a_weight_that_was_set_is_changed(editor):
    editor.post("area-weights", {"area": "A", "weight": 2})
    editor.post("area-weights", {"area": "A", "weight": 0.5})
    assert editor.get("area-weights").json()["results"] == [{"area": "A", "weight": 0.5}]
