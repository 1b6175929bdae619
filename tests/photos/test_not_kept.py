"""Photos that could not be kept are found as such, once."""

from itertools import chain

import pytest

from jobs.models import ImageResult, KeptPhoto
from jobs.states import NotKept
from photos import not_kept
from photos.kinds import NOT_KEPT
from photos.models import Finding
from tests.factories import submit_visits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def images():
    job = submit_visits(("S", [f"http://a.test/{number}" for number in range(4)]))
    return list(ImageResult.objects.filter(job=job).order_by("pk"))


def found():
    return sorted(Finding.objects.filter(code=NOT_KEPT).values_list("image_id", "details", "store_id"))


def test_each_photo_that_was_not_kept_is_found_once_and_no_other(images, monkeypatch):
    monkeypatch.setattr(not_kept, "MOST_PHOTOS", 2)
    for image, why in zip(images, (NotKept.AWAY, "", NotKept.FULL, NotKept.AWAY), strict=True):
        KeptPhoto.objects.create(image=image, sha256=b"", why_not=why)
    assert list(not_kept.slices()) == [2, 1]
    expected = [(images[0].pk, {"why": "away"}, "S"), (images[2].pk, {"why": "full"}, "S")]
    assert found() == [*expected, (images[3].pk, {"why": "away"}, "S")]
    assert list(chain(not_kept.slices(), not_kept.slices())) == []


def test_a_crash_before_the_commit_loses_and_doubles_nothing(images, monkeypatch):
    KeptPhoto.objects.create(image=images[0], sha256=b"", why_not=NotKept.AWAY)
    with monkeypatch.context() as crash:
        crash.setattr(not_kept, "VERSION", None)
        with pytest.raises(Exception, match="null value"):
            not_kept.tell_not_kept()
    assert found() == []
    assert not_kept.tell_not_kept() == 1
    assert [image for image, _, _ in found()] == [images[0].pk]
