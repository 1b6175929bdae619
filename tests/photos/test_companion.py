"""Does an engine of the fleet find what there is to find, beside its work?"""

import pytest

from jobs.engine.companion import companions
from jobs.models import PhotoEvidence
from jobs.reporting.audit import audit
from photos import companion, findings, kinds
from photos.companion import Finder
from photos.models import Fingerprint, Progress
from tests.factories import make_stores, submit_visits
from tests.jobs.engine.conftest import start_engine  # noqa: F401
from tests.jobs.engine.test_contract import finished
from tests.photos.conftest import found
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = "jobs.engine.threads.ThreadEngine"


def test_an_engine_keeps_evidence_and_finds_what_is_in_it(start_engine, images, settings, monkeypatch):  # noqa: F811
    monkeypatch.setattr(companion, "LOOK_SECONDS", 0.02)
    settings.PHOTO_EVIDENCE = "look"
    start_engine(THREADS)
    url = f"{images.url}/shelf.jpg"
    make_stores("S-1", "S-2")
    job = finished(submit_visits(("S-1", [f"{url}?1"]), ("S-2", [f"{url}?2"])))
    first, second = job.images.order_by("pk").values_list("pk", flat=True)
    wait_for(lambda: found(kinds.OTHER_STORE) == [(second, kinds.OTHER_STORE, first)])
    assert PhotoEvidence.objects.filter(row_hash__isnull=False, brightness__gt=0).count() == 2
    assert audit().is_clean


def test_by_default_nothing_is_kept_and_nothing_looked_at(start_engine, images, monkeypatch):  # noqa: F811
    looked = []
    slices = findings.slices
    monkeypatch.setattr(companion, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(findings, "slices", lambda: looked.append(1) or slices())
    start_engine(THREADS)
    make_stores("S-1")
    finished(submit_visits(("S-1", [f"{images.url}/shelf.jpg"])))
    wait_for(lambda: len(looked) > 2)
    assert not PhotoEvidence.objects.exists()
    assert not Fingerprint.objects.exists()
    assert not Progress.objects.exists()


def test_it_is_a_companion_of_every_engine_that_looks_once_a_minute():
    assert Finder in companions
    assert companion.LOOK_SECONDS == 60
