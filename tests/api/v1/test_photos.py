"""What does the API say of photos, to whom, and what do people decide about visits?"""

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from access.models import Scope
from jobs.imaging.exif import Exif
from jobs.models import ImageResult, PhotoEvidence, Visit
from photos import findings, kinds
from photos.models import PhotoThresholds, VisitVerdict
from stores.models import Category, Store
from tests.api.v1.conftest import assert_problem
from tests.factories import make_staff
from tests.photos.conftest import NOON, photo, visited

pytestmark = pytest.mark.django_db

EXIF = Exif(NOON, 330, "Maker One", 52.5, 13.25)


@pytest.fixture
def ann():
    return User.objects.create_user("ann")


@pytest.fixture
def images(ann):
    """Ann's: a photo, the same at another store and dark, and one without evidence."""
    ids = visited(
        ("S-1", NOON, [photo("a", exif=EXIF)]), ("S-2", NOON, [photo("a", brightness=20.0)]), ("S-3", NOON, [None]),
        owner=ann,
    )  # fmt: skip
    findings.find()
    return [ImageResult.objects.select_related("visit").get(pk=pk) for pk in ids]


def rows(response):
    assert response.status_code == 200, response.content
    return response.json()["results"]


def test_an_image_has_its_evidence_and_findings(as_user, ann, images):
    v1, path = as_user(ann), f"jobs/{images[0].job_id}/images"
    answer = v1.get(f"{path}/{images[0].pk}/evidence").json()
    assert answer["evidence"]["camera"] == {
        "taken_at": "2026-03-02T12:00:00Z", "utc_offset_minutes": 330, "camera": "Maker One",
        "latitude": 52.5, "longitude": 13.25,
    }  # fmt: skip
    assert answer["evidence"]["look"] == {"brightness": 120.0, "contrast": 50.0, "sharpness": 40.0}
    assert len(answer["evidence"]["sha256"]) == 64
    assert answer["findings"] == []
    found = v1.get(f"{path}/{images[1].pk}/evidence").json()["findings"]
    assert [each["finding"] for each in found] == [kinds.DARK, kinds.OTHER_STORE]
    assert found[1]["details"]["store"] == "S-1"
    assert v1.get(f"{path}/{images[2].pk}/evidence").json() == {"evidence": None, "findings": []}
    PhotoEvidence.objects.all().delete()
    assert v1.get(f"{path}/{images[0].pk}/evidence").json()["evidence"] is None


def test_a_hash_alone_has_no_look(as_user, ann, images):
    PhotoEvidence.objects.update(brightness=None, row_hash=None)
    answer = as_user(ann).get(f"jobs/{images[0].job_id}/images/{images[0].pk}/evidence").json()
    assert answer["evidence"]["look"] is None


def test_lists_are_narrowed_by_what_was_found(as_user, ann, images):
    v1, job = as_user(ann), images[0].job_id
    assert [row["id"] for row in rows(v1.get(f"jobs/{job}/images", {"finding": kinds.DARK}))] == [images[1].pk]
    assert rows(v1.get(f"jobs/{job}/images", {"finding": kinds.BLURRED})) == []
    assert [row["id"] for row in rows(v1.get("visits", {"finding": kinds.DARK}))] == [images[1].visit_id]
    assert rows(v1.get("stores/S-1/visits", {"finding": kinds.DARK})) == []
    assert rows(v1.get("stores/S-2/visits", {"finding": kinds.DARK}))[0]["store_id"] == "S-2"
    for query, number in (({}, 2), ({"finding": kinds.DARK}, 1), ({"job": job + 1}, 0), ({"store": "S-2"}, 2)):
        assert len(rows(v1.get("findings", query))) == number
    for path in ("findings", "visits", f"jobs/{job}/images"):
        problem = assert_problem(v1.get(path, {"finding": "ugly"}), 400, "invalid-request")
        assert problem["errors"][0]["parameter"] == "finding"


def test_findings_are_read_page_by_page_the_latest_first(as_user, ann, images):
    v1 = as_user(ann)
    first = v1.get("findings", {"limit": 1}).json()
    second = v1.get("findings", {"limit": 1, "cursor": first["next_cursor"]}).json()
    assert first["results"][0]["id"] > second["results"][0]["id"]
    assert second["next_cursor"] is None


def test_visits_that_need_a_look_say_why_and_are_filtered(as_user, ann, images):
    v1 = as_user(ann)
    Store.objects.filter(store_id="S-2").update(area_code="B")
    (row,) = rows(v1.get("needs-a-look"))
    assert row == {
        "visit_id": images[1].visit_id, "job_id": images[1].job_id, "store_id": "S-2", "day": "2026-03-02",
        "reasons": [kinds.OTHER_STORE, kinds.ALL_USELESS], "image_id": images[1].pk,
    }  # fmt: skip
    yes = {"reason": kinds.ALL_USELESS}, {"store": "S-2"}, {"area": "B"}, {"judged": "false"}
    no = {"reason": kinds.NAME_NOT_SEEN}, {"store": "S-1"}, {"area": "A-1"}, {"judged": "true"}
    assert [len(rows(v1.get("needs-a-look", query))) for query in (*yes, *no)] == [1, 1, 1, 1, 0, 0, 0, 0]


def test_a_verdict_takes_a_visit_off_the_list_and_counts_for_every_finding_that_it_had(as_user, ann, images):
    v1, path = as_user(ann), f"visits/{images[1].visit_id}/verdict"
    assert_problem(v1.get(path), 404, "not-found")
    assert_problem(v1.post(path, method="DELETE"), 404, "not-found")
    answer = v1.post(path, {"fine": False}).json()
    assert (answer["fine"], answer["decided_by"]) == (False, "ann")
    assert answer["findings"] == [kinds.DARK, kinds.OTHER_STORE]
    assert rows(v1.get("needs-a-look")) == []
    assert len(rows(v1.get("needs-a-look", {"judged": "true"}))) == 1
    # To work it out again changes nothing.
    findings.begin_again()
    list(findings.again())
    assert rows(v1.get("needs-a-look")) == []
    by_kind = {row["finding"]: row["not_fine"] for row in v1.get("finding-kinds").json()}
    assert by_kind[kinds.DARK] == {"value": None, "n": 1, "why": "too_few"}
    assert by_kind[kinds.BLURRED]["n"] == 0
    assert v1.post(path, {"fine": True}).json()["fine"] is True
    assert v1.post(path, method="DELETE").status_code == 204
    assert len(rows(v1.get("needs-a-look"))) == 1


def test_from_thirty_verdicts_on_a_kind_has_its_share(as_user, ann):
    for number in range(30):
        VisitVerdict.objects.create(
            visit_id=number, job_id=1, owner_id=ann.pk, store_id="s", is_fine=number < 6, codes=[kinds.DARK],
            decided_at=NOON,
        )  # fmt: skip
    by_kind = {row["finding"]: row["not_fine"] for row in as_user(ann).get("finding-kinds").json()}
    assert (by_kind[kinds.DARK]["value"], by_kind[kinds.DARK]["n"]) == (0.8, 30)
    assert by_kind[kinds.DARK]["low"] < 0.8 < by_kind[kinds.DARK]["high"]


@pytest.mark.parametrize("body", [{}, {"fine": "yes"}, {"fine": True, "why": "x"}, [], {"fine": 1}])
def test_a_verdict_is_yes_or_no(as_user, ann, images, body):
    assert_problem(as_user(ann).post(f"visits/{images[1].visit_id}/verdict", body), 400, "invalid-submission")


def test_nobody_reads_or_judges_another_owners_photos(as_user, v1, ann, images):
    bob = as_user(User.objects.create_user("bob"))
    assert as_user(ann).post(f"visits/{images[0].visit_id}/verdict", {"fine": True}).status_code == 200
    as_user(ann).post(f"visits/{images[1].visit_id}/verdict", {"fine": False})
    as_user(ann).post(f"visits/{images[1].visit_id}/verdict", method="DELETE")
    VisitVerdict.objects.update(codes=[kinds.DARK])
    for each in (bob, v1):
        image = images[1]
        assert_problem(each.get(f"jobs/{image.job_id}/images/{image.pk}/evidence"), 404, "not-found")
        assert_problem(each.get(f"visits/{image.visit_id}/verdict"), 404, "not-found")
        assert_problem(each.post(f"visits/{image.visit_id}/verdict", {"fine": True}), 404, "not-found")
        assert rows(each.get("findings")) == rows(each.get("needs-a-look")) == []
        assert rows(each.get("visits", {"finding": kinds.DARK})) == []
        assert {row["not_fine"]["n"] for row in each.get("finding-kinds").json()} == {0}
    assert VisitVerdict.objects.get().visit_id == images[0].visit_id


def test_staff_who_may_view_read_and_who_may_change_judge(as_user, ann, images):
    viewer = as_user(make_staff("view_job", name="viewer"))
    path = f"visits/{images[1].visit_id}/verdict"
    assert len(rows(viewer.get("findings"))) == 2
    assert len(rows(viewer.get("needs-a-look"))) == 1
    assert_problem(viewer.post(path, {"fine": True}), 403, "not-allowed")
    assert as_user(make_staff("change_job", name="changer")).post(path, {"fine": True}).status_code == 200


def test_a_key_that_only_reads_does_not_judge(with_key, ann, images):
    path = f"visits/{images[1].visit_id}/verdict"
    assert with_key(ann, Scope.READ).post(path, {"fine": True}).status_code == 403
    assert with_key(ann, Scope.MANAGE).post(path, {"fine": True}).status_code == 200


@pytest.fixture
def bakery():
    return Category.objects.create(name="Bakery")


@pytest.fixture
def chief(as_user):
    return as_user(make_staff("change_store", "view_job"))


def test_thresholds_are_the_defaults_until_they_are_set_and_once_they_are_removed(chief, v1, bakery):
    path = f"photo-thresholds/{bakery.pk}"
    defaults = {"blurred_below": 3.0, "dark_below": 50.0, "hours_apart": 24.0, "metres_apart": 500.0}
    answer = v1.get(path).json()
    assert answer == {"category_id": bakery.pk, "category": "Bakery", **defaults, "updated_at": None}
    assert rows(v1.get("photo-thresholds")) == []
    assert_problem(chief.post(path, method="DELETE"), 404, "not-found")
    answer = chief.patch(path, {"dark_below": 25}).json()
    assert (answer["dark_below"], answer["blurred_below"]) == (25.0, 3.0)
    assert [row["category"] for row in rows(v1.get("photo-thresholds"))] == ["Bakery"]
    assert chief.post(path, method="DELETE").status_code == 204
    assert v1.get(path).json()["updated_at"] is None


@pytest.mark.parametrize(
    "body", [{"dark_below": -1}, {"dark_below": 256}, {"dark_below": "9"}, {"metres_apart": 49}, {"bright": 1}, []]
)
def test_thresholds_beyond_their_limits_are_refused(chief, bakery, body):
    for path in (f"photo-thresholds/{bakery.pk}", f"photo-thresholds/{bakery.pk}/preview"):
        send = chief.post if path.endswith("preview") else chief.patch
        assert_problem(send(path, body), 400, "invalid-submission")
    assert not PhotoThresholds.objects.exists()


def test_a_preview_counts_what_would_be_found_and_changes_nothing(chief, images, bakery):
    Store.objects.filter(store_id__in=["S-1", "S-2"]).update(category=bakery, latitude=52.5, longitude=13.25)
    answer = chief.post(f"photo-thresholds/{bakery.pk}/preview", {"dark_below": 130, "blurred_below": 0}).json()
    assert answer["photos"] == 2
    assert {row["finding"]: (row["n"], row["now"], row["then"]) for row in answer["results"]} == {
        kinds.BLURRED: (2, 0, 0), kinds.DARK: (2, 1, 2), kinds.OTHER_TIME: (1, 0, 0), kinds.ELSEWHERE: (1, 0, 0),
    }  # fmt: skip
    assert not PhotoThresholds.objects.exists()


def test_a_preview_is_of_photos_that_one_may_read(as_user, images, bakery):
    Store.objects.update(category=bakery)
    other = as_user(make_staff("change_store"))
    assert other.post(f"photo-thresholds/{bakery.pk}/preview", {}).json()["photos"] == 0


@pytest.mark.django_db(transaction=True)
def test_a_change_of_thresholds_is_worked_out_by_the_next_look(chief, images, bakery, as_user, ann):
    Store.objects.update(category=bakery)
    chief.patch(f"photo-thresholds/{bakery.pk}", {"dark_below": 10})
    assert sum(findings.again()) == 2
    assert [row["finding"] for row in rows(as_user(ann).get("findings"))] == [kinds.OTHER_STORE]
    chief.post(f"photo-thresholds/{bakery.pk}", method="DELETE")
    list(findings.again())
    assert len(rows(as_user(ann).get("findings"))) == 2
    with transaction.atomic():
        PhotoThresholds.objects.create(category=bakery, dark_below=200)
        bakery.delete()
    assert sum(findings.again()) == 2
    assert Visit.objects.count() == 3
