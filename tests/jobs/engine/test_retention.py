"""Does one engine of the fleet delete what is old, and what people have deleted, and does it hold up nobody?"""

import threading
import time
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import InterfaceError, OperationalError

from jobs import actions, deletion
from jobs.deletion import slices
from jobs.engine import companion, retention
from jobs.engine.retention import Retention
from jobs.models import DeletedJob, Job, Worker
from jobs.queue import database_now
from jobs.reporting.audit import audit
from stores.models import StoreImport
from tests.factories import make_worker, submit_job
from tests.jobs.deletion.conftest import age, counted, ended_job, no_grace  # noqa: F401
from tests.jobs.engine.test_contract import finished
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = "jobs.engine.threads.ThreadEngine"


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(retention, "LOOK_SECONDS", 0.02)


@pytest.fixture
def start():
    started = []

    def start(worker_id=None):
        started.append(Retention(worker_id or make_worker()))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.leave()
        each.join(30)


def test_old_jobs_go_by_themselves_and_no_others(settings, start):
    settings.RETENTION_DAYS = 90
    old, young = ended_job(days_ago=91), ended_job(days_ago=89)
    made = StoreImport.objects.create(name="old.csv", stored_at=database_now())
    StoreImport.objects.filter(pk=made.pk).update(stored_at=database_now() - timedelta(days=91))
    Worker.objects.all().delete()
    start()
    wait_for(lambda: not Job.with_deleted.filter(pk=old.pk).exists())
    assert Job.objects.get() == young
    assert DeletedJob.objects.values_list("job_id", "cause").get() == (old.pk, "retention")
    assert not StoreImport.objects.exists()
    assert audit().is_clean


def test_nothing_goes_by_itself_unless_it_is_asked_for(settings, start):
    assert settings.RETENTION_DAYS == 0
    old, asked = ended_job(days_ago=4000), ended_job()
    Worker.objects.all().delete()
    deletion.mark(asked.pk, None)
    start()
    wait_for(lambda: not Job.with_deleted.filter(pk=asked.pk).exists())
    assert Job.objects.get() == old


def test_of_several_engines_the_oldest_deletes_and_when_it_has_gone_the_next(start, monkeypatch):
    at_it = []
    delete = deletion.delete_slice

    def seen(*, wait):
        at_it.append(threading.current_thread().name)
        return delete(wait=wait)

    monkeypatch.setattr(deletion, "delete_slice", seen)
    first, second = make_worker(), make_worker()
    start(first)
    start(second)
    wait_for(lambda: len(at_it) > 5)
    assert set(at_it) == {f"retention-{first}"}
    Worker.objects.filter(pk=first).delete()
    wait_for(lambda: at_it[-1] == f"retention-{second}")


def test_it_rests_longer_than_it_works(start, monkeypatch):
    begun = []

    def slow(*, wait):
        begun.append(time.monotonic())
        time.sleep(0.05)
        return slices.Slice(1, 0)

    monkeypatch.setattr(deletion, "delete_slice", slow)
    start()
    wait_for(lambda: len(begun) >= 3)
    assert min(after - before for before, after in pairwise(begun)) >= 0.05 * (1 + companion.REST)


def test_it_leaves_in_the_midst_of_its_rest(start, monkeypatch):
    monkeypatch.setattr(companion, "REST", 1000)
    began = threading.Event()

    def delete(*, wait):
        began.set()
        time.sleep(0.01)
        return slices.Slice(1, 0)

    monkeypatch.setattr(deletion, "delete_slice", delete)
    each = start()
    assert began.wait(30)
    each.leave()
    each.join(30)
    assert not each._thread.is_alive()


@pytest.mark.parametrize("error", [OperationalError("the disk is full"), InterfaceError("the connection is lost")])
def test_an_error_of_the_database_is_logged_and_tried_again(start, monkeypatch, caplog, error):
    delete, errors = deletion.delete_slice, [error]

    def broken(*, wait):
        if errors:
            raise errors.pop()
        return delete(wait=wait)

    monkeypatch.setattr(deletion, "delete_slice", broken)
    job = ended_job()
    Worker.objects.all().delete()
    deletion.mark(job.pk, None)
    start()
    wait_for(lambda: not Job.with_deleted.exists())
    assert [record.error for record in caplog.records if record.message == "deleting again"] == [str(error)]


def test_an_engine_deletes_beside_its_work(start_engine, images, settings):
    settings.RETENTION_DAYS = 90
    url = f"{images.url}/{images.names[0]}"
    start_engine(THREADS)
    old = finished(submit_job([f"{url}?{number}" for number in range(20)]))
    age(old, 100)
    asked = finished(submit_job([f"{url}?{number}" for number in range(30)]))
    actions.delete(asked.pk, None)
    assert finished(submit_job([f"{url}?{number}" for number in range(40)])).status == "completed"
    wait_for(lambda: DeletedJob.objects.filter(gone_at__isnull=False).count() == 2)
    assert counted() == {"": 50}
    assert audit().is_clean
