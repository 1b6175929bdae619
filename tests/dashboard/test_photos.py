"""Photos on pages: shown where they are kept, and said where they are not."""

import pytest
from django.contrib.auth.models import User

from jobs.models import ImageResult, KeptBytes, KeptPhoto
from jobs.states import NotKept
from tests.factories import submit_visits
from tests.kept_photos import keep, keep_in_folder, photo

pytestmark = pytest.mark.django_db


@pytest.fixture
def image(client, settings, tmp_path):
    keep_in_folder(settings, tmp_path)
    owner = User.objects.create_user("owner")
    client.force_login(owner)
    return ImageResult.objects.get(job=submit_visits(("S", ["http://a.test/1"]), owner=owner))


def page(client, image):
    return client.get(f"/jobs/{image.job_id}/images/{image.pk}/").content.decode()


def test_the_page_of_an_image_shows_its_photo_and_offers_the_original(client, image):
    assert "<img" not in page(client, image)
    keep(image, photo())
    shown = page(client, image)
    assert f'<img src="/jobs/{image.job_id}/images/{image.pk}/preview/"' in shown
    assert f'<a href="/jobs/{image.job_id}/images/{image.pk}/original/" download>' in shown


def test_why_a_photo_is_not_kept_is_said(client, image):
    KeptPhoto.objects.create(image=image, sha256=b"", why_not=NotKept.FULL)
    shown = page(client, image)
    assert "<img" not in shown
    assert "The photo is not kept. The space for photos (KEEP_BYTES) is used up." in shown


def test_the_overview_says_how_full_the_space_is_and_when_nothing_can_be_stored(admin_client, image, settings):
    def overview():
        return admin_client.get("/operations/").content.decode()

    assert "Photos kept" not in overview()
    settings.KEEP_IMAGES = "thumbnail"
    settings.KEEP_BYTES = 2_000_000
    KeptBytes.objects.add(1, 1_000_000)
    assert "Photos kept" in overview()
    assert "is used up" not in overview()
    KeptBytes.objects.add(2, 1_000_000)
    assert "The space for photos is used up" in overview()
    KeptPhoto.objects.create(image=image, sha256=b"", why_not=NotKept.AWAY)
    assert "1 image got a result without a photo" in overview()
