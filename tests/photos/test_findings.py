"""What is found about photos: each kind, on both sides of its limit."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from jobs.imaging.exif import Exif
from photos import findings, kinds
from photos.models import Finding, PhotoThresholds
from stores.models import Category, Store
from tests.photos.conftest import NOON, found, looks, photo, visited, wrong

pytestmark = pytest.mark.django_db


def bits(number):
    """A number of which so many bits are set, a few in each half: the other half of each hash stays as it is."""
    return sum(1 << place for place in range(number))


def test_the_same_file_at_another_store_is_found_and_the_later_photo_is_named():
    first, second = visited(("S-1", NOON, [photo("a")]), ("S-2", NOON, [photo("a")]))
    assert findings.find() == 2
    assert found() == [(second, kinds.OTHER_STORE, first)]
    details = Finding.objects.get().details
    assert (details["image"], details["store"], details["different_bits"]) == (first, "S-1", 0)
    assert looks() == {second: [kinds.OTHER_STORE]}
    assert wrong() == []


@pytest.mark.parametrize(("different", "is_found"), [(8, True), (9, False)])
def test_a_photo_that_looks_the_same_is_found_up_to_eight_different_bits(different, is_found):
    base = photo(rows=-7, columns=1 << 62)
    near = photo(rows=-7 ^ bits(different - 2), columns=(1 << 62) ^ 3 << 40)
    first, second = visited(("S-1", NOON, [base]), ("S-2", NOON, [near]))
    findings.find()
    assert found() == ([(second, kinds.OTHER_STORE, first)] if is_found else [])
    if is_found:
        assert Finding.objects.get().details["different_bits"] == different


@pytest.mark.parametrize("half", range(4))
def test_one_half_in_common_is_enough_whichever_it_is(half):
    """The others differ by two bits each, the signs among them."""
    masks = [0 if place == half else (1 << 31) + 1 for place in range(4)]
    row, column = (masks[0] << 32) + masks[1], (masks[2] << 32) + masks[3]
    signed = [each - (1 << 64) if each >> 63 else each for each in (row, column)]
    first, second = visited(
        ("S-1", NOON, [photo(rows=0, columns=0)]), ("S-2", NOON, [photo(rows=signed[0], columns=signed[1])])
    )
    findings.find()
    assert found() == [(second, kinds.OTHER_STORE, first)]


@pytest.mark.parametrize(("contrast", "is_found"), [(12.0, True), (11.9, False)])
def test_photos_with_hardly_any_contrast_are_not_compared_by_their_look(contrast, is_found):
    flat = [photo(rows=5, columns=5, contrast=contrast) for _ in range(2)]
    visited(("S-1", NOON, flat[:1]), ("S-2", NOON, flat[1:]))
    findings.find()
    assert bool(found()) is is_found


def test_the_same_photo_at_the_same_store_is_found_on_another_day_only():
    late = NOON.replace(hour=23, minute=59)
    first, _same_day, next_day = visited(
        *(("S-1", at, [photo("a")]) for at in (NOON, late, late + timedelta(minutes=1)))
    )
    (_no_time,) = visited(("S-1", None, [photo("a")]))
    findings.find()
    assert found() == [(next_day, kinds.OTHER_DAY, first)]
    assert looks() == {}


def test_a_day_is_that_of_the_stores_clock():
    visited(("S-1", NOON, [photo()]))
    Store.objects.update(timezone="Asia/Kolkata")
    first, second = visited(("S-1", NOON, [photo("a")]), ("S-1", NOON + timedelta(hours=6, minutes=30), [photo("a")]))
    findings.find()
    assert found() == [(second, kinds.OTHER_DAY, first)]


def test_twice_the_same_photo_in_one_visit_is_nothing():
    visited(("S-1", NOON, [photo("a"), photo("a")]))
    findings.find()
    assert found() == []


def test_a_photo_is_not_compared_with_those_of_another_owner():
    ann, bob = (User.objects.create_user(name) for name in ("ann", "bob"))
    visited(("S-1", NOON, [photo("a", rows=3, columns=3)]), owner=ann)
    (first,) = visited(("S-2", NOON, [photo("a", rows=3, columns=3)]), owner=bob)
    (nobodys,) = visited(("S-3", NOON, [photo("a", rows=3, columns=3)]))
    findings.find()
    assert found() == []
    (second,) = visited(("S-4", NOON, [photo("a")]), owner=bob)
    (of_nobody,) = visited(("S-4", NOON, [photo("a")]))
    findings.find()
    assert found() == [(second, kinds.OTHER_STORE, first), (of_nobody, kinds.OTHER_STORE, nobodys)]


def test_a_photo_recorded_late_takes_the_place_of_the_one_that_was_thought_to_be_the_first():
    first, second, third = visited(*((f"S-{n}", NOON, [photo("a")]) for n in range(3)))
    for batch in ([second, third], [first]):
        with findings._slice() as cursor:
            findings._work_out(cursor, batch)
    assert found() == [(second, kinds.OTHER_STORE, first), (third, kinds.OTHER_STORE, first)]
    assert len(looks()) == 2


@pytest.mark.parametrize(
    ("exif", "zone", "is_found"),
    [
        (Exif(NOON + timedelta(hours=24), 0), "", False),
        (Exif(NOON + timedelta(hours=24, minutes=1), 0), "", True),
        (Exif(NOON - timedelta(hours=24, minutes=1), 0), "", True),
        # The clock of a camera whose zone is not known.
        (Exif(NOON + timedelta(hours=38)), "", False),
        (Exif(NOON + timedelta(hours=38, minutes=1)), "", True),
        # It shows the time at the store, which is five and a half hours ahead.
        (Exif(NOON + timedelta(hours=29, minutes=30)), "Asia/Kolkata", False),
        (Exif(NOON + timedelta(hours=29, minutes=31)), "Asia/Kolkata", True),
        (Exif(), "", False),
        (None, "", False),
    ],
)
def test_a_photo_taken_more_than_a_day_from_the_visit_is_found(exif, zone, is_found):
    visited(("S-1", NOON, [photo(exif=exif)]))
    Store.objects.update(timezone=zone)
    findings.find()
    assert bool(found(kinds.OTHER_TIME)) is is_found


def test_a_visit_without_a_time_is_not_compared_with_the_cameras_clock():
    visited(("S-1", None, [photo(exif=Exif(NOON, 0))]))
    findings.find()
    assert found() == []


@pytest.mark.parametrize(("north", "is_found"), [(0.00449, False), (0.00451, True)])
def test_a_photo_taken_more_than_500_metres_from_the_store_is_found(north, is_found):
    (image,) = visited(("S-1", NOON, [photo(exif=Exif(latitude=50 + north, longitude=10.0))]))
    Store.objects.update(latitude=50, longitude=10)
    findings.find()
    assert found() == ([(image, kinds.ELSEWHERE, None)] if is_found else [])
    if is_found:
        assert 500 < Finding.objects.get().details["metres"] < 503


@pytest.mark.parametrize("at", ["photo", "store"])
def test_without_two_places_there_is_no_distance(at):
    visited(("S-1", NOON, [photo(exif=Exif(latitude=None if at == "photo" else 1.0, longitude=1.0))]))
    if at == "photo":
        Store.objects.update(latitude=50, longitude=10)
    findings.find()
    assert found() == []


@pytest.mark.parametrize(
    ("seen", "codes"),
    [
        ({"sharpness": 3.0}, []),
        ({"sharpness": 2.99}, [kinds.BLURRED]),
        ({"sharpness": None}, []),
        ({"brightness": 50.0}, []),
        ({"brightness": 49.9}, [kinds.DARK]),
        ({"sharpness": 1.0, "brightness": 1.0}, [kinds.BLURRED, kinds.DARK]),
    ],
)
def test_blurred_and_dark_photos_are_found(seen, codes):
    visited(("S-1", NOON, [photo(**seen)]))
    findings.find()
    assert [code for _, code, _ in found()] == codes
    assert wrong() == []


def test_a_visit_needs_a_look_where_every_photo_that_was_looked_at_is_blurred_or_dark():
    first, _, _, *_ = visited(
        ("S-1", NOON, [photo(sharpness=1.0), photo(brightness=9.0), None]),
        ("S-2", NOON, [photo(sharpness=1.0), photo()]),
        ("S-3", NOON, [None]),
    )
    findings.find()
    assert looks() == {first: [kinds.ALL_USELESS]}


def test_a_category_may_have_thresholds_of_its_own():
    bakery = Category.objects.create(name="Bakery")
    PhotoThresholds.objects.create(category=bakery, blurred_below=10, dark_below=0, metres_apart=5_000)
    far = Exif(latitude=50.01, longitude=10.0)
    ids = visited(
        ("S-1", NOON, [photo(sharpness=9.0, brightness=5.0, exif=far)]), ("S-2", NOON, [photo(sharpness=9.0)])
    )
    Store.objects.filter(store_id="S-1").update(category=bakery, latitude=50, longitude=10)
    findings.find()
    assert found() == [(ids[0], kinds.BLURRED, None)]
