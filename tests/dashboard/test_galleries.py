"""Pages that show many photos: a job's, a visit's, a store's, and those that need a look."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.utils.html import escape

from dashboard.pages import needs_a_look, photos
from dashboard.templatetags.photos import measured_finding
from jobs.models import ImageResult, KeptPhoto, Visit
from jobs.states import NotKept
from photos.kinds import BLURRED, DARK, ELSEWHERE, KINDS, NAME_NOT_SEEN, NOT_KEPT, OTHER_STORE, OTHER_TIME
from photos.models import Finding, PhotoThresholds, VisitLook, VisitVerdict
from stores.models import Category, Store
from tests.factories import make_staff, submit_visits
from tests.kept_photos import keep, keep_in_folder, photo

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def owner(client, settings, tmp_path):
    keep_in_folder(settings, tmp_path)
    settings.KEEP_IMAGES = "thumbnail"
    owner = User.objects.create_user("owner")
    client.force_login(owner)
    Store.objects.create(store_id="S", name="Sam's Store", area_code="A")
    return owner


@pytest.fixture
def images(owner):
    """Three images of one visit of store S, which are all kept."""
    job = submit_visits(("S", [f"http://a.test/{n}" for n in range(3)]), owner=owner)
    found = list(ImageResult.objects.filter(job=job).order_by("pk"))
    ImageResult.objects.filter(job=job).update(
        state="completed", width=8, height=6, perimeter=28, format="JPEG", finished_at=NOW
    )
    for number, image in enumerate(found):
        keep(image, photo(8 + number, 6))
    return found


def find(image, code=BLURRED, other=None, **details):
    return Finding.objects.create(
        image_id=image.pk, code=code, model="rules", version="1", found_at=NOW, visit_id=image.visit_id,
        job_id=image.job_id, owner_id=image.job.owner_id, store_id="S", other_image_id=other, details=details,
    )  # fmt: skip


def look(image, *reasons):
    return VisitLook.objects.create(
        visit_id=image.visit_id, job_id=image.job_id, owner_id=image.job.owner_id, store_id="S",
        reasons=list(reasons), image_id=image.pk,
    )  # fmt: skip


def thumbnail(image):
    return f'src="/jobs/{image.job_id}/images/{image.pk}/thumbnail/"'


def read(client, path):
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_a_jobs_gallery_shows_each_photo_with_what_is_known_of_it(client, images):
    find(images[0])
    page = read(client, f"/jobs/{images[0].job_id}/photos/")
    assert all(thumbnail(image) in page for image in images)
    assert page.count('loading="lazy"') == 3
    assert 'alt="Photo of store S, Sam&#x27;s Store, visit of' in page
    assert "8 by 6 pixels; blurred" in page


def test_a_gallery_says_why_a_photo_cannot_be_seen(client, images, owner):
    KeptPhoto.objects.filter(image=images[0]).delete()
    assert "The photo is not kept." in read(client, f"/jobs/{images[0].job_id}/photos/")
    KeptPhoto.objects.filter(image=images[1]).update(thumbnail=0, why_not=NotKept.AWAY)
    assert "The storage could not be written to." in read(client, f"/jobs/{images[0].job_id}/photos/")
    job = submit_visits(("S", ["http://a.test/1", "http://a.test/2"]), owner=owner)
    failed = {"state": "failed", "error_code": "http_404", "error_message": "x", "finished_at": NOW}
    ImageResult.objects.filter(pk=ImageResult.objects.filter(job=job).first().pk).update(**failed)
    page = read(client, f"/jobs/{job.pk}/photos/")
    assert "Failed: http_404" in page
    assert "no photo yet" in page


def test_where_nothing_is_kept_the_pages_say_how_to_change_that(client, images, settings):
    settings.KEEP_IMAGES = "off"
    assert "KEEP_IMAGES" in read(client, f"/jobs/{images[0].job_id}/photos/")


def test_a_gallery_is_read_page_by_page(client, images, monkeypatch):
    monkeypatch.setattr(photos, "PHOTOS", 2)
    for path in f"/jobs/{images[0].job_id}/photos/", f"/visits/{images[0].visit_id}/photos/":
        first = read(client, path)
        assert (thumbnail(images[1]) in first, thumbnail(images[2]) in first) == (True, False)
        assert f"after={images[1].pk}" in first
        last = read(client, f"{path}?after={images[1].pk}")
        assert (thumbnail(images[1]) in last, thumbnail(images[2]) in last) == (False, True)
        assert 'rel="next"' not in last


def test_a_gallery_shows_only_photos_with_a_finding_or_of_a_store(client, images, monkeypatch):
    monkeypatch.setattr(photos, "PHOTOS", 1)
    find(images[0])
    find(images[2])
    path = f"/jobs/{images[0].job_id}/photos/"
    first = read(client, f"{path}?finding=blurred")
    assert [thumbnail(image) in first for image in images] == [True, False, False]
    second = read(client, f"{path}?finding=blurred&after={images[0].pk}")
    assert [thumbnail(image) in second for image in images] == [False, False, True]
    assert "No photo of this job matches" in read(client, f"{path}?finding=dark")
    assert "No photo of this job matches" in read(client, f"{path}?store=T")
    assert thumbnail(images[0]) in read(client, f"{path}?store=S")
    assert thumbnail(images[0]) in read(client, f"{path}?finding=blurred&store=S")
    assert "No photo of this job matches" in read(client, f"{path}?finding=blurred&store=T")
    assert thumbnail(images[0]) in read(client, f"{path}?finding=nonsense&after=x")


def test_a_stores_photos_are_shown_visit_by_visit_the_latest_first(client, images, owner, monkeypatch):
    monkeypatch.setattr(photos, "VISITS", 1)
    monkeypatch.setattr(photos, "OF_A_VISIT", 2)
    later = submit_visits(("S", ["http://a.test/9"]), ("S", ["http://a.test/10"]), owner=owner)
    visits = list(Visit.objects.filter(job=later).order_by("-pk"))
    path = f"/stores/{Store.objects.get(store_id='S').pk}/photos/"
    query = ""
    for visit in (*visits, images[0].visit):
        page = read(client, path + query)
        assert page.count("<h2 id=") == 1
        assert f'<h2 id="visit-{visit.pk}"' in page
        query = f"?before={visit.pk}"
    assert "All photos of the visit" in page
    assert [thumbnail(image) in page for image in images] == [True, True, False]


def test_nobody_sees_anothers_photos(client, images):
    look(images[0], OTHER_STORE)
    find(images[0])
    store = Store.objects.get(store_id="S")
    client.force_login(User.objects.create_user("somebody else"))
    for path in (
        f"/jobs/{images[0].job_id}/photos/",
        f"/visits/{images[0].visit_id}/photos/",
        f"/images/{images[0].pk}/",
    ):
        assert client.get(path).status_code == 404
    assert "No visit of this store" in read(client, f"/stores/{store.pk}/photos/")
    assert f"/visits/{images[0].visit_id}/" not in read(client, "/photos/")
    assert client.post(f"/visits/{images[0].visit_id}/verdict/", {"act": "fine"}).status_code == 404


def test_staff_who_may_only_read_see_a_visit_and_decide_nothing(client, images):
    client.force_login(make_staff("view_job"))
    assert "The photos are fine" not in read(client, f"/visits/{images[0].visit_id}/photos/")
    assert client.post(f"/visits/{images[0].visit_id}/verdict/", {"act": "fine"}).status_code == 403


def test_what_is_decided_leaves_the_list_is_counted_and_can_be_taken_back(client, images):
    look(images[0], OTHER_STORE)
    find(images[0], OTHER_STORE)
    page = read(client, "/photos/")
    assert thumbnail(images[0]) in page
    assert "A photo equals one of another store." in page
    path = f"/visits/{images[0].visit_id}/verdict/"
    assert client.post(path, {"act": "not_fine", "from": "list"})["Location"] == "/photos/"
    verdict = VisitVerdict.objects.get()
    assert (verdict.is_fine, verdict.codes, verdict.decided_by_name) == (False, [OTHER_STORE], "owner")
    assert thumbnail(images[0]) not in read(client, "/photos/")
    assert thumbnail(images[0]) in read(client, "/photos/?judged=true")
    decided = read(client, f"/visits/{images[0].visit_id}/photos/")
    assert "Not fine" in decided
    assert "This visit needed a look." in decided
    assert client.post(path, {"act": "nonsense"}).status_code == 302
    assert VisitVerdict.objects.exists()
    client.post(path, {"act": "withdraw"})
    assert not VisitVerdict.objects.exists()
    assert thumbnail(images[0]) in read(client, "/photos/")


def test_a_share_is_shown_from_thirty_decisions_on(client, images, owner):
    def kinds_with_too_few():
        return read(client, "/photos/").count("too few")

    verdicts = [
        VisitVerdict(
            visit_id=10**6 + number, job_id=1, owner_id=owner.pk, store_id="S", is_fine=number % 3 == 0,
            codes=[OTHER_STORE], decided_at=NOW,
        )
        for number in range(30)
    ]  # fmt: skip
    for earlier in (verdicts[:1], verdicts[1:29]):
        VisitVerdict.objects.bulk_create(earlier)
        assert kinds_with_too_few() == len(KINDS)
    verdicts[29].save()
    assert kinds_with_too_few() == len(KINDS) - 1


def test_the_list_is_narrowed_by_reason_store_and_area_and_read_page_by_page(client, images, owner, monkeypatch):
    monkeypatch.setattr(needs_a_look, "ROWS", 1)
    job = submit_visits(("S", ["http://a.test/7"]), owner=owner)
    later = ImageResult.objects.get(job=job)
    look(images[0], OTHER_STORE)
    look(later, NAME_NOT_SEEN)

    def listed(query=""):
        page = read(client, f"/photos/?{query}")
        return [visit for visit in (later.visit_id, images[0].visit_id) if f"/visits/{visit}/photos/" in page]

    assert listed() == [later.visit_id]
    assert listed(f"before={later.visit_id}") == [images[0].visit_id]
    assert listed(f"reason={OTHER_STORE}") == [images[0].visit_id]
    assert listed("store=S&area=A") == [later.visit_id]
    assert listed("area=B") == []
    assert listed("store=T") == []
    assert listed("reason=nonsense&before=x") == [later.visit_id]


def test_the_page_of_an_image_says_what_was_found_and_leads_to_the_equal_photo(client, images):
    find(images[1], OTHER_STORE, other=images[0].pk)
    page = read(client, f"/jobs/{images[1].job_id}/images/{images[1].pk}/")
    assert "Same photo at another store" in page
    assert f'href="/images/{images[0].pk}/"' in page
    assert client.get(f"/images/{images[0].pk}/")["Location"] == f"/jobs/{images[0].job_id}/images/{images[0].pk}/"


def test_thresholds_are_previewed_saved_and_removed(client, owner):
    category = Category.objects.create(name="Bakery")
    path = f"/photos/thresholds/{category.pk}/"
    assert client.get(path).status_code == 403
    assert "Bakery" in read(client, "/photos/thresholds/")
    client.force_login(make_staff("change_store"))
    values = {"blurred_below": "2", "dark_below": "40", "hours_apart": "24", "metres_apart": "500"}
    previewed = client.post(path, values | {"act": "preview"})
    assert "What would be found" in previewed.content.decode()
    assert not PhotoThresholds.objects.exists()
    for wrong in ("-1", "nan", "x", "1e9"):
        refused = client.post(path, values | {"act": "save", "dark_below": wrong})
        assert refused.status_code == 400
        assert "must be a number from 0 to 255" in refused.content.decode()
    assert client.post(path, values | {"act": "save"}).status_code == 302
    assert PhotoThresholds.objects.get().dark_below == 40
    assert client.post(path, {"act": "remove"}).status_code == 302
    assert not PhotoThresholds.objects.exists()
    assert client.get("/photos/thresholds/99999/").status_code == 404


@pytest.mark.parametrize(
    ("code", "details", "words"),
    [
        (OTHER_STORE, {"store": "T", "day": "2026-01-01", "different_bits": 3},
            "of store T on 2026-01-01; 3 of 128 bits differ"),
        (OTHER_STORE, {"store": "T", "day": None, "different_bits": 0}, "of store T; 0 of 128 bits differ"),
        (OTHER_TIME, {"hours": -1349.5, "most": 24, "time_zone_known": True},
            "1,350 hours before the visit, where 24 are allowed"),
        (OTHER_TIME, {"hours": 39.5, "most": 24, "time_zone_known": False},
            "39.5 hours after the visit, where 24 are allowed, and 14 more as no time zone is named"),
        (ELSEWHERE, {"metres": 999, "most": 500}, "999 m from the store, where 500 m are allowed"),
        (ELSEWHERE, {"metres": 349082, "most": 1000}, "349 km from the store, where 1 km are allowed"),
        (BLURRED, {"sharpness": 1.08, "below": 3}, "sharpness 1.08, below 3"),
        (DARK, {"brightness": 23.3, "below": 50.0}, "mean gray 23.3, below 50"),
        (NAME_NOT_SEEN, {"share": 0.125, "words": [], "stores_sharing": 1}, "12 % of the name was read"),
    ],
)  # fmt: skip
def test_what_was_measured_is_said_in_words(code, details, words):
    assert measured_finding(Finding(code=code, details=details)) == f" ({words})"


def test_a_finding_without_figures_has_no_more_words():
    assert measured_finding(Finding(code=NOT_KEPT, details={})) == ""
    assert measured_finding(Finding(code="of another version", details={"a": 1})) == ""


def test_the_photo_that_one_equals_is_named_beside_it(client, images):
    find(images[0], OTHER_STORE, other=images[1].pk, store="T", day="2026-01-01", different_bits=3)
    page = read(client, f"/visits/{images[0].visit_id}/photos/")
    assert "The photo that it equals</a> (of store T on 2026-01-01; 3 of 128 bits differ)" in page


@pytest.mark.parametrize("code", KINDS)
@pytest.mark.parametrize("details", [{}, {"of another version": 1}, {"metres": "far", "most": None, "hours": []}])
def test_a_finding_of_another_version_is_shown_without_its_figures(client, images, code, details):
    found = find(images[0], code)
    Finding.objects.filter(pk=found.pk).update(details=details)
    assert escape(KINDS[code].title) in read(client, f"/jobs/{images[0].job_id}/images/{images[0].pk}/")
