"""What is recorded of kept photos, and how they are deleted."""

import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from jobs import deletion, failpoints, queue
from jobs.deletion import photos, slices
from jobs.engine import photo_retention, retention
from jobs.engine.photo_retention import PhotoRetention
from jobs.engine.retention import Retention
from jobs.imaging import photo_store
from jobs.imaging.types import Evidence, Measurement, Outcome
from jobs.models import ImageResult, Job, KeptBytes, KeptPhoto, UnwantedPhoto, Worker
from jobs.states import NotKept
from stores.models import Store
from tests.factories import make_worker, submit_visits
from tests.jobs.deletion.conftest import ended_job
from tests.jobs.engine.conftest import start_engine  # noqa: F401 - a fixture
from tests.jobs.engine.test_contract import finished
from tests.jobs.photos.test_keeping import files
from tests.kept_photos import photo
from tests.waiting import wait_for

THREADS = "jobs.engine.threads.ThreadEngine"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def keeping(settings, folder):
    settings.KEEP_IMAGES = "original"
    settings.GPU_MIN_SECONDS = settings.GPU_MAX_SECONDS = 0
    return folder


@pytest.fixture
def run(start_engine, images, make_store):  # noqa: F811
    """Submit these images of store S, and run until all are done."""

    def run(*names):
        job = submit_visits(("S", [f"{images.url}/{name}" for name in names]))
        engine = start_engine(THREADS)
        finished(job)
        engine.stop()
        return job

    return run


@pytest.fixture
def make_store():
    return Store.objects.create(store_id="S", name="s", area_code="A")


def delete(job, monkeypatch):
    monkeypatch.setattr(slices, "GRACE_SECONDS", 0.0)
    deletion.mark(job.pk, None)
    while deletion.delete_slice(wait=True):
        pass


def test_each_completed_image_has_a_row_of_what_was_kept_of_it(keeping, run, images):
    job = run(*images.names[:3])
    rows = KeptPhoto.objects.filter(image__job=job)
    assert len(rows) == 3
    for row in rows:
        assert (keeping / photo_store.original_name(row.sha256)).stat().st_size == row.original == row.image.bytes
        assert (keeping / photo_store.thumbnail_name(row.sha256)).stat().st_size == row.thumbnail
    assert KeptBytes.objects.sum() == sum(path.stat().st_size for path in keeping.rglob("*") if path.is_file())


def test_by_default_nothing_is_kept(folder, run, images):
    run(images.names[0])
    assert files(folder) == []
    assert not KeptPhoto.objects.exists()


def test_an_image_that_failed_has_no_photo(keeping, run, images):
    job = run("no-such-photo.jpg", images.names[0])
    assert KeptPhoto.objects.filter(image__job=job).count() == 1


def test_a_full_store_is_said_and_results_go_on(keeping, run, images, settings):
    settings.KEEP_BYTES = 1
    run(images.names[0])
    job = run(*images.names[1:3])
    assert Job.objects.get(pk=job.pk).completed == 2
    assert set(KeptPhoto.objects.filter(image__job=job).values_list("why_not", flat=True)) == {NotKept.FULL}
    assert len(files(keeping)) == 2


def test_a_storage_that_is_away_costs_no_result(keeping, run, images, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(photo_store, "put", refuse)
    job = run(*images.names[:2])
    assert Job.objects.get(pk=job.pk).completed == 2
    assert set(KeptPhoto.objects.values_list("why_not", flat=True)) == {NotKept.AWAY}


def test_a_photo_goes_with_the_last_image_that_is_of_it(keeping, run, images, monkeypatch):
    name = images.names[0]
    first, second = run(name), run(name)
    monkeypatch.setattr(photo_store, "ALONE_SECONDS", -1.0)
    delete(first, monkeypatch)
    while deletion.delete_unwanted():
        pass
    assert len(files(keeping)) == 2
    delete(second, monkeypatch)
    assert not KeptPhoto.objects.exists()
    while deletion.delete_unwanted():
        pass
    assert files(keeping) == []
    assert KeptBytes.objects.sum() == 0
    assert not UnwantedPhoto.objects.exists()


def test_a_photo_that_was_stored_a_moment_ago_waits(keeping, run, images, monkeypatch):
    delete(run(images.names[0]), monkeypatch)
    assert not deletion.delete_unwanted()
    UnwantedPhoto.objects.update(since=timezone.now() - timedelta(days=1))
    # It has been unwanted for long, but somebody has stored it anew.
    assert deletion.delete_unwanted()
    assert not deletion.delete_unwanted()
    assert len(files(keeping)) == 2


def test_a_crash_while_files_are_deleted_leaves_nothing_behind(keeping, run, images, monkeypatch):
    delete(run(images.names[0]), monkeypatch)
    monkeypatch.setattr(photo_store, "ALONE_SECONDS", -1.0)

    def crash(name, *_):
        if name == "prune.photo":
            raise KeyboardInterrupt

    with monkeypatch.context() as crashing:
        crashing.setattr(failpoints, "hit", crash)
        with pytest.raises(KeyboardInterrupt):
            deletion.delete_unwanted()
    assert UnwantedPhoto.objects.exists()
    while deletion.delete_unwanted():
        pass
    assert files(keeping) == []
    assert not UnwantedPhoto.objects.exists()


def test_a_file_that_was_stored_and_never_recorded_is_found(keeping, run, images, keeper, monkeypatch):
    run(images.names[0])
    keeper.keep(photo())
    monkeypatch.setattr(photo_store, "ALONE_SECONDS", -1.0)
    assert photos.delete_orphans(dry_run=True) == 2
    assert len(files(keeping)) == 4
    assert photos.delete_orphans(dry_run=False) == 2
    assert len(files(keeping)) == 2


def test_old_photos_are_forgotten_and_their_results_stay(keeping, run, images, monkeypatch):
    job = run(*images.names[:2])
    assert photos.delete_old_rows(timezone.now() - timedelta(hours=1)) == 0
    monkeypatch.setattr(photos, "MOST_ROWS", 1)
    before = timezone.now() + timedelta(hours=1)
    assert [photos.delete_old_rows(before) for _ in range(3)] == [1, 1, 0]
    assert ImageResult.objects.filter(job=job).completed().count() == 2
    monkeypatch.setattr(photo_store, "ALONE_SECONDS", -1.0)
    while deletion.delete_unwanted():
        pass
    assert files(keeping) == []


def test_the_bytes_of_workers_that_are_no_more_are_added_up():
    living = Worker.objects.create(host="h", pid=1, seats=1)
    KeptBytes.objects.add(living.pk, 5)
    KeptBytes.objects.add(living.pk, 2)
    KeptBytes.objects.add(10**6, 3)
    KeptBytes.objects.add(10**6 + 1, 4)
    KeptBytes.objects.gather()
    assert dict(KeptBytes.objects.values_list("worker", "bytes")) == {0: 7, living.pk: 7}


def test_the_photo_of_an_attempt_that_failed_goes_by_itself(keeping, run, images, monkeypatch):
    monkeypatch.setattr("jobs.imaging.model_step.ModelStep.answer", lambda *_: 1 / 0)
    job = run(images.names[0])
    assert ImageResult.objects.get(job=job).error_code == "gpu_failed"
    assert len(files(keeping)) == 2
    assert KeptBytes.objects.sum() > 0
    monkeypatch.setattr(photo_store, "ALONE_SECONDS", -1.0)
    while deletion.delete_unwanted():
        pass
    assert files(keeping) == []
    assert KeptBytes.objects.sum() == 0


def test_the_photo_of_a_job_that_was_deleted_meanwhile_goes_by_itself(keeping, keeper, make_store, monkeypatch):
    job = submit_visits(("S", ["http://a.test/1"]))
    worker = make_worker()
    (claim,) = queue.claim(worker, 1)
    kept = keeper.keep(photo())
    ImageResult.objects.filter(job=job).delete()
    Job.objects.filter(pk=job.pk).delete()
    outcome = Outcome(claim, Evidence(kept=kept), measurement=Measurement(800, 600, "JPEG"))
    queue.record(worker, [outcome])
    assert not KeptPhoto.objects.exists()
    assert KeptBytes.objects.sum() == kept.added
    monkeypatch.setattr(photo_store, "ALONE_SECONDS", -1.0)
    while deletion.delete_unwanted():
        pass
    assert files(keeping) == []
    assert KeptBytes.objects.sum() == 0


def unwanted(keeper, number):
    """The photos of so many rows, the first of them the longest unwanted."""
    kept = [keeper.keep(photo(100 + each)).sha256 for each in range(number)]
    for place, sha256 in enumerate(kept):
        since = timezone.now() - timedelta(days=9 - place)
        UnwantedPhoto.objects.create(sha256=sha256, since=since)
    return kept


def test_a_photo_whose_files_cannot_be_deleted_holds_up_no_other(keeping, keeper, monkeypatch):
    first, _ = unwanted(keeper, 2)
    monkeypatch.setattr(photo_store, "is_left_alone", lambda name: True if (keeping / name).exists() else None)
    delete_file = type(photo_store.storage()).delete

    def refuse(storage, name):
        if first.hex() in name:
            raise PermissionError(name)
        delete_file(storage, name)

    monkeypatch.setattr(type(photo_store.storage()), "delete", refuse)
    with pytest.raises(PermissionError):
        deletion.delete_unwanted()
    assert deletion.delete_unwanted()
    assert not deletion.delete_unwanted()
    assert UnwantedPhoto.objects.get().sha256 == first
    assert all(first.hex() in name for name in files(keeping))


def test_no_transaction_is_open_while_the_storage_is_waited_for(keeping, keeper, monkeypatch):
    unwanted(keeper, 1)
    seen = []

    def look(name):
        seen.append(connection.in_atomic_block)
        return True

    monkeypatch.setattr(photo_store, "is_left_alone", look)
    assert deletion.delete_unwanted()
    assert seen
    assert not any(seen)


def test_a_file_that_is_stored_again_just_before_it_is_deleted_stays(keeping, keeper, monkeypatch):
    (sha256,) = unwanted(keeper, 1)
    ages = iter([True, False])
    monkeypatch.setattr(photo_store, "is_left_alone", lambda _: next(ages))
    assert deletion.delete_unwanted()
    assert files(keeping) == [photo_store.original_name(sha256)]
    assert UnwantedPhoto.objects.exists()
    assert KeptBytes.objects.get(worker=0).bytes < 0, "the thumbnail is no longer counted"


def test_a_storage_that_hangs_holds_up_no_deletion_of_jobs(keeping, keeper, monkeypatch):
    unwanted(keeper, 1)
    hangs, go_on = threading.Event(), threading.Event()

    def hang(_):
        hangs.set()
        go_on.wait(30)
        return True

    monkeypatch.setattr(photo_store, "is_left_alone", hang)
    for module in retention, photo_retention:
        monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)
    asked = ended_job()
    Worker.objects.all().delete()
    worker = make_worker()
    companions = [PhotoRetention(worker), Retention(worker)]
    try:
        companions[0].start()
        assert hangs.wait(30)
        monkeypatch.setattr(slices, "GRACE_SECONDS", 0.0)
        deletion.mark(asked.pk, None)
        companions[1].start()
        wait_for(lambda: not Job.with_deleted.filter(pk=asked.pk).exists())
    finally:
        go_on.set()
        for each in companions:
            each.leave()
        for each in companions:
            each.join(30)


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_a_storage_that_is_away_undoes_nothing_that_prune_has_deleted(keeping, run, images, monkeypatch, options):
    job = run(images.names[0])
    monkeypatch.setattr(slices, "GRACE_SECONDS", 0.0)
    Job.objects.filter(pk=job.pk).update(finished_at=timezone.now() - timedelta(days=2))

    def refuse():
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(photo_store, "storage", refuse)
    with pytest.raises(CommandError, match="Input/output error") as refused:
        call_command("prune", "--older-than", "1d", *options)
    assert refused.value.returncode == 3
    assert Job.objects.filter(pk=job.pk).exists() == bool(options)
