"""Is the evidence of photos written with its outcome, once, and deleted with its job or for its age?"""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError

from jobs import deletion, errors, queue
from jobs.deletion import evidence
from jobs.deletion.evidence import forget_evidence
from jobs.engine.retention import Retention
from jobs.imaging.exif import Exif
from jobs.imaging.types import Evidence, Measurement, Outcome, Photo
from jobs.models import FailedAttempt, ImageResult, PhotoEvidence, Worker
from jobs.queue import database_now
from photos import findings
from photos.models import Finding, Fingerprint, VisitLook
from tests.factories import make_worker, submit_job
from tests.jobs.deletion.conftest import no_grace  # noqa: F401
from tests.jobs.engine.test_retention import soon, start  # noqa: F401
from tests.photos.conftest import NOON, photo, visited
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def measured(claim, **more):
    return Outcome(claim, Evidence(bytes=9), Measurement(640, 480, "JPEG"), **more)


def claims(number):
    submit_job(number)
    worker = make_worker()
    return worker, queue.claim(worker, limit=number)


def aged(days):
    PhotoEvidence.objects.update(recorded_at=database_now() - timedelta(days=days))


def test_everything_that_was_seen_is_written_as_it_is():
    (image,) = visited(("S-1", NOON, [photo(rows=-1, columns=2**63 - 1, exif=Exif(NOON, -90, "A\\b\t", -1.5, 2.25))]))
    row = PhotoEvidence.objects.get(pk=image)
    assert (row.taken_at, row.taken_offset, row.camera) == (NOON, -90, "A\\b\t")
    assert (row.latitude, row.longitude) == (-1.5, 2.25)
    assert (row.row_hash, row.column_hash) == (-1, 2**63 - 1)
    assert (row.brightness, row.contrast, row.sharpness) == (120.0, 50.0, 40.0)
    assert len(bytes(row.sha256)) == 32


def test_what_was_not_looked_at_is_empty():
    (image,) = visited(("S-1", NOON, [Photo(b"\\x00" * 8)]))
    row = PhotoEvidence.objects.get(pk=image)
    assert bytes(row.sha256) == b"\\x00" * 8
    assert (row.taken_at, row.camera, row.latitude, row.row_hash, row.brightness) == (None, "", None, None, None)


def test_a_failed_image_leaves_none_and_neither_does_a_stale_worker():
    worker, (failed, taken, ours) = claims(3)
    stale = make_worker()
    queue.record(stale, [measured(taken, photo=photo())])
    queue.record(worker, [Outcome(failed, Evidence(), error=errors.NotAnImage(), photo=photo())])
    queue.record(worker, [measured(ours, photo=photo())])
    assert PhotoEvidence.objects.get().pk == ours.image_id


def test_a_batch_whose_commit_was_lost_is_written_once():
    worker, (claim,) = claims(1)
    for _ in range(2):
        queue.record(worker, [measured(claim, photo=photo())])
    assert PhotoEvidence.objects.count() == 1


def test_evidence_that_the_database_refuses_takes_its_outcome_with_it():
    """As any outcome that it refuses: the recorder then writes it as a failed attempt."""
    worker, (claim,) = claims(1)
    with pytest.raises(DatabaseError):
        queue.record(worker, [measured(claim, photo=Photo(b"x", Exif(camera="c" * 101)))])
    assert ImageResult.objects.get().state == "running"
    assert not FailedAttempt.objects.exists()


@pytest.fixture
def looked_at():
    """Two photos that are one, with all that is found about them."""
    ids = visited(("S-1", NOON, [photo("a", sharpness=1.0)]), ("S-2", NOON, [photo("a")]))
    findings.find()
    assert (Fingerprint.objects.count(), Finding.objects.count(), VisitLook.objects.count()) == (2, 2, 2)
    return ids


def test_all_of_it_goes_with_its_job(looked_at, no_grace):  # noqa: F811
    deletion.mark(ImageResult.objects.get(pk=looked_at[0]).job_id, None)
    while deletion.delete_slice(wait=True):
        """Each is committed."""
    for model in (PhotoEvidence, Fingerprint, Finding, VisitLook):
        assert not model.objects.exists(), model


def test_old_evidence_goes_and_what_was_found_by_it_stays(looked_at):
    aged(91)
    PhotoEvidence.objects.filter(pk=looked_at[1]).update(recorded_at=database_now())
    assert forget_evidence(database_now() - timedelta(days=90)) == 1
    assert PhotoEvidence.objects.get().pk == Fingerprint.objects.get().pk == looked_at[1]
    assert Finding.objects.count() == 2
    # What has no evidence is left as it is.
    findings.begin_again()
    list(findings.again())
    assert Finding.objects.filter(image_id=looked_at[0]).exists()


def test_it_goes_in_bounded_transactions_the_oldest_first(monkeypatch):
    ids = visited(("S-1", NOON, [photo() for _ in range(5)]))
    for days, image in enumerate(ids):
        PhotoEvidence.objects.filter(pk=image).update(recorded_at=database_now() - timedelta(days=100 - days))
    monkeypatch.setattr(evidence, "MOST_ROWS", 2)
    before = database_now()
    assert forget_evidence(before) == 2
    assert set(PhotoEvidence.objects.values_list("pk", flat=True)) == set(ids[2:])
    assert [forget_evidence(before), forget_evidence(before), forget_evidence(before)] == [2, 1, 0]


def test_an_engine_deletes_it_for_its_age(settings, start, looked_at):  # noqa: F811
    settings.PHOTO_EVIDENCE_DAYS = 90
    aged(91)
    Worker.objects.all().delete()
    start()
    wait_for(lambda: not PhotoEvidence.objects.exists())


@pytest.mark.parametrize("days", [92, 0])
def test_an_engine_leaves_what_is_not_old_enough(settings, looked_at, days):
    settings.PHOTO_EVIDENCE_DAYS = days
    aged(91)
    Retention(make_worker()).look()
    assert PhotoEvidence.objects.count() == 2


def test_prune_deletes_it_and_says_how_much(looked_at):
    aged(91)
    out = io.StringIO()
    call_command("prune", "--older-than", "90d", "--dry-run", stdout=out)
    assert "and the evidence of 2 photos would be deleted." in out.getvalue()
    assert PhotoEvidence.objects.count() == 2
    out = io.StringIO()
    call_command("prune", "--older-than", "90d", "--format", "json", stdout=out)
    assert json.loads(out.getvalue())["evidence"] == 2
    assert not PhotoEvidence.objects.exists()
