"""Photos in a bucket, against a server that speaks S3."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from moto.server import ThreadedMotoServer

from jobs.deletion import photos
from jobs.imaging import keep, photo_store
from jobs.states import NotKept
from retail_pulse.photo_storage import photo_storage
from tests.kept_photos import keep_in, photo


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(settings, endpoint, monkeypatch):
    for name in "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY":
        monkeypatch.setenv(name, "a-key-of-a-test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    keep_in(settings, photo_storage(None, "s3://photos-of-stores/some/folder", endpoint))
    bucket = photo_store.storage().bucket
    bucket.create()
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()


@pytest.fixture
def keeper(bucket):
    keeper = keep.Keeper(originals=True)
    keeper.room = 10**9
    return keeper


def test_a_photo_is_kept_once_in_the_folder_of_the_bucket(bucket, keeper):
    first = keeper.keep(photo())
    assert first.why_not == ""
    assert first.added > 0
    again = keeper.keep(photo())
    assert (again.sha256, again.added) == (first.sha256, 0)
    name = first.sha256.hex()
    assert sorted(item.key for item in bucket.objects.all()) == [
        f"some/folder/originals/{name[:2]}/{name}",
        f"some/folder/thumbnails/{name[:2]}/{name}.webp",
    ]
    with photo_store.storage().open(photo_store.original_name(first.sha256)) as original:
        assert original.read() == photo().getvalue()


def test_a_large_photo_is_sent_from_its_file_in_one_part_and_stays_open_for_the_model(bucket, keeper, monkeypatch):
    monkeypatch.setattr("concurrent.futures.ThreadPoolExecutor.submit", lambda *_: pytest.fail("a thread of its own"))
    file = photo()
    file.seek(0, 2)
    file.write(bytes(9 * 2**20))
    kept = keeper.keep(file)
    assert (kept.why_not, kept.original) == ("", len(file.getvalue()))
    assert "-" not in bucket.Object(f"some/folder/{photo_store.original_name(kept.sha256)}").e_tag, "of several parts"


def test_an_object_that_is_not_there_is_told_by_one_question(bucket, monkeypatch):
    asked = []
    monkeypatch.setattr(type(photo_store.storage()), "exists", lambda *_: asked.append(1))
    assert photo_store.is_left_alone("originals/aa/none") is None
    assert not asked


@pytest.mark.django_db
def test_what_a_crash_left_behind_is_found_and_deleted(bucket, keeper, monkeypatch):
    keeper.keep(photo())
    assert len(list(photo_store.all_names())) == 2
    assert photos.delete_orphans(dry_run=False) == 0, "it may be about to be recorded"
    monkeypatch.setattr(photo_store, "ALONE_SECONDS", -1.0)
    assert photos.delete_orphans(dry_run=True) == 2
    assert photos.delete_orphans(dry_run=False) == 2
    assert list(bucket.objects.all()) == []


def test_a_bucket_that_is_not_there_is_said_and_costs_no_image(keeper, bucket, monkeypatch):
    monkeypatch.setattr(keep, "RETRY_SECONDS", (0.0, 0.0))
    bucket.objects.all().delete()
    bucket.delete()
    try:
        assert keeper.keep(photo()).why_not == NotKept.AWAY
    finally:
        bucket.create()


@pytest.mark.parametrize("name", ["https://photos", "s3://", "s3://UPPER/x", "s3://a/b c", "gs:/photos", "photos"])
def test_a_name_that_is_no_buckets_is_refused_with_an_example(name):
    with pytest.raises(ImproperlyConfigured, match=r"KEEP_BUCKET=.*such as s3://bucket/photos"):
        photo_storage(None, name, "")


def test_a_missing_library_is_named_with_its_cure(monkeypatch):
    monkeypatch.setattr("retail_pulse.photo_storage.find_spec", lambda name: None)
    with pytest.raises(ImproperlyConfigured, match=r"pip install 'retail-pulse\[gcs\]'"):
        photo_storage(None, "gs://photos-of-stores", "")
