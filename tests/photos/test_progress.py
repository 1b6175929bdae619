"""Is everything found once, whatever breaks off, and however many look at once?"""

import pytest
from django.core.management import call_command
from django.db import connection

from jobs import failpoints
from jobs.models import PhotoEvidence
from photos import findings, kinds
from photos.models import Finding, Fingerprint, Progress
from tests.forks import kill_at
from tests.jobs.conftest import other  # noqa: F401
from tests.jobs.queue.concurrently import Concurrent, blocked
from tests.photos.conftest import NOON, found, looks, photo, visited, wrong
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def small_slices(monkeypatch):
    monkeypatch.setattr(findings, "MOST_PHOTOS", 3)


def copies(number=8):
    return visited(*((f"S-{each}", NOON, [photo("a", sharpness=1.0)]) for each in range(number)))


def everything():
    return found(), looks(), set(Finding.objects.values_list("pk", flat=True))


def test_slices_of_any_size_find_the_same_and_move_the_mark():
    ids = copies()
    assert list(findings.slices()) == [3, 3, 2]
    assert len(found(kinds.BLURRED)) == 8
    assert found(kinds.OTHER_STORE) == [(image, kinds.OTHER_STORE, ids[0]) for image in ids[1:]]
    assert findings.as_of() > PhotoEvidence.objects.latest("recorded_at").recorded_at
    assert wrong() == []


def test_with_nothing_to_look_at_nothing_is_written():
    assert list(findings.slices()) == []
    findings.begin_again()
    assert list(findings.again()) == []
    assert not Progress.objects.exists()
    assert findings.as_of() is None


def row_versions():
    tables = ("photos_finding", "photos_fingerprint", "photos_visitlook")
    with connection.cursor() as cursor:
        cursor.execute(" UNION ".join(f"SELECT xmin::text, image_id FROM {table}" for table in tables))
        return set(cursor.fetchall())


def test_to_look_again_changes_nothing():
    copies()
    findings.find()
    before, versions = everything(), row_versions()
    findings.begin_again()
    assert sum(findings.again()) == 8
    assert row_versions() == versions
    assert everything() == before
    assert Progress.objects.get().redo_behind is None


def test_what_is_recorded_later_is_found_by_the_next_look():
    (first,) = visited(("S-1", NOON, [photo("a")]))
    findings.find()
    (second,) = visited(("S-2", NOON, [photo("a")]))
    findings.find()
    assert found() == [(second, kinds.OTHER_STORE, first)]


def test_a_photo_whose_transaction_is_still_open_is_waited_for(other):  # noqa: F811
    visited(("S-1", NOON, [photo()]))
    other.commit()
    other.execute("SELECT 1")
    ids = copies(2)
    assert findings.find() == 1
    assert not Fingerprint.objects.filter(pk__in=ids).exists()
    other.rollback()
    findings.find()
    assert Fingerprint.objects.filter(pk__in=ids).count() == 2


def test_what_was_found_is_taken_back_once_it_is_not_so_any_more():
    ids = copies(3)
    findings.find()
    PhotoEvidence.objects.filter(pk=ids[0]).update(sha256=b"other", sharpness=50.0, row_hash=7, column_hash=7)
    findings.begin_again()
    list(findings.again())
    assert found(kinds.OTHER_STORE) == [(ids[2], kinds.OTHER_STORE, ids[1])]
    assert len(found(kinds.BLURRED)) == 2
    assert ids[0] not in looks()
    assert wrong() == []


@pytest.mark.parametrize("point", ["findings.before_commit", "findings.after_commit"])
def test_a_look_that_was_broken_off_goes_on_where_it_was(point):
    copies()
    with failpoints.armed(f"{point}:raise"), pytest.raises(failpoints.FailpointError):
        findings.find()
    findings.find()
    findings.begin_again()
    with failpoints.armed(f"{point}:raise"), pytest.raises(failpoints.FailpointError):
        list(findings.again())
    before = Progress.objects.get()
    assert before.redo_behind == (Fingerprint.objects.order_by("pk")[2].pk if point.endswith("after_commit") else 0)
    findings.begin_again()
    assert Progress.objects.get().redo_behind == before.redo_behind
    assert sum(findings.again()) in (5, 8)
    assert (len(found(kinds.OTHER_STORE)), len(found(kinds.BLURRED)), wrong()) == (7, 8, [])


def test_begun_anew_it_begins_with_the_first():
    copies()
    findings.find()
    findings.begin_again()
    next(findings.again())
    findings.begin_again(anew=True)
    assert sum(findings.again()) == 8


def test_two_at_once_take_turns(other):  # noqa: F811
    copies()
    both = [Concurrent(findings.find) for _ in range(2)]
    assert all(each.ended() >= 0 for each in both)
    findings.begin_again()
    again = [Concurrent(lambda: sum(findings.again())) for _ in range(2)]
    assert sum(each.ended() for each in again) == 8
    assert (len(found(kinds.OTHER_STORE)), len(found(kinds.BLURRED)), wrong()) == (7, 8, [])


def test_a_deletion_is_waited_for(other):  # noqa: F811
    copies(1)
    other.commit()
    other.execute("SELECT pg_advisory_xact_lock(%s)", [findings.advisory_locks.DELETION])
    looking = Concurrent(findings.find)
    wait_for(blocked)
    assert not Fingerprint.objects.exists()
    other.commit()
    assert looking.ended() == 1


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_killed_it_leaves_nothing_half_done_and_the_next_one_ends_it(capsys):
    copies()
    kill_at("findings.before_commit", lambda: call_command("recompute_findings"))
    assert found() == []
    call_command("recompute_findings", "--format", "json")
    assert '"photos": 16' in capsys.readouterr().out
    assert (len(found(kinds.OTHER_STORE)), len(found(kinds.BLURRED)), wrong()) == (7, 8, [])


FORGED = {
    "no fingerprint": "DELETE FROM photos_fingerprint",
    "the fingerprint of another photo": "UPDATE photos_fingerprint SET sha256 = 'x'",
    "not the findings that follow from it": "DELETE FROM photos_finding WHERE code = 'blurred'",
}


@pytest.mark.parametrize("what", FORGED)
def test_an_audit_notices_what_is_missing(what):
    copies(1)
    findings.find()
    assert wrong() == []
    with connection.cursor() as cursor:
        cursor.execute(FORGED[what])
    ((_, said),) = wrong()
    assert said.endswith(what)


def test_an_audit_notices_what_does_not_follow():
    copies(1)
    findings.find()
    PhotoEvidence.objects.update(sharpness=3.0)
    assert len(wrong()) == 1


def test_an_audit_asks_nothing_of_what_is_being_worked_out_again():
    copies(1)
    findings.find()
    Finding.objects.all().delete()
    findings.begin_again()
    assert wrong() == []
    list(findings.again())
    assert wrong() == []
