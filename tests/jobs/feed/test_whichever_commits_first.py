"""Does a reader miss nothing whose transaction began first and commits last? And does it, by simpler cursors?"""

from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection, transaction

from jobs import queue
from jobs.models import FinishedBatch, ImageResult
from jobs.reporting import feed_positions
from tests.factories import make_worker, submit_job, success
from tests.jobs.feed.reading import Reader, outcomes
from tests.jobs.queue.concurrently import Concurrent, blocked
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


class ByFeed:
    """The results feed."""

    def __init__(self):
        self.reader = Reader()

    def new(self):
        return {image_id for image_id, _ in self.reader.rest(limit=3)}


class ById:
    """What one might do instead: go on behind the greatest id of a batch that was read."""

    def __init__(self):
        self.last = 0

    def new(self):
        batches = list(FinishedBatch.objects.filter(pk__gt=self.last).order_by("pk"))
        self.last = max([self.last, *(batch.pk for batch in batches)])
        return {image_id for batch in batches for image_id in batch.images}


class ByTime:
    """Or: go on behind the latest end of an image that was read."""

    def __init__(self):
        self.last = None

    def new(self):
        ended = ImageResult.objects.filter(finished_at__isnull=False)
        images = list(ended.filter(finished_at__gt=self.last) if self.last else ended)
        self.last = max([image.finished_at for image in images], default=self.last)
        return {image.pk for image in images}


@contextmanager
def written_and_not_committed(worker, claims):
    """Another engine has recorded the claims; its commit comes at the end of the block."""
    go, written = [], []

    def record():
        with transaction.atomic():
            queue.record(worker, [success(claim) for claim in claims])
            written.append(True)
            wait_for(lambda: go)

    other = Concurrent(record)
    try:
        wait_for(lambda: written)
        yield
    finally:
        go.append(True)
        other.ended()


@pytest.mark.parametrize(("cursor", "misses"), [(ByFeed, False), (ById, True), (ByTime, True)])
def test_what_is_written_first_and_committed_last(cursor, misses):
    worker, other = make_worker(), make_worker()
    # Of two jobs, since nobody records what belongs to a job that another one has locked.
    jobs = [submit_job(2)]
    first = queue.claim(worker, limit=2)
    jobs.append(submit_job(2))
    last = queue.claim(other, limit=2)
    reader = cursor()
    with written_and_not_committed(worker, first):
        queue.record(other, [success(claim) for claim in last])
        early = reader.new()
        assert early == {claim.image_id for claim in last}
    late = reader.new()
    assert early.isdisjoint(late)
    everything = {image_id for job in jobs for image_id, _ in outcomes(job)}
    assert (early | late != everything) is misses


def test_two_who_give_positions_take_turns(other: psycopg.Connection):
    submit_job(4)
    worker = make_worker()
    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=2)])
    first = Reader()
    assert len(first.rest()) == 2
    # Somebody is giving positions at this moment, and has not committed.
    other.execute("SELECT FROM jobs_resultsfeed FOR UPDATE")
    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=1)])
    found: list[tuple[int, int]] = []
    second = Concurrent(lambda: found.extend(Reader().rest()))
    wait_for(blocked)
    # What is committed while one waits for its turn is positioned with the rest, behind the positions of the other.
    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=1)])
    other.execute("UPDATE jobs_finishedbatch SET position = 2 WHERE id = (SELECT max(id) - 1 FROM jobs_finishedbatch)")
    other.execute("UPDATE jobs_resultsfeed SET last_position = 2")
    other.commit()
    second.ended()
    assert len(found) == 4
    positions = FinishedBatch.objects.order_by("pk").values_list("position", flat=True)
    assert list(positions) == [1, 2, 3]
    assert len(first.rest()) == 2


def test_a_batch_that_is_being_deleted_holds_nobody_up(other: psycopg.Connection):
    submit_job(2)
    worker = make_worker()
    for claim in queue.claim(worker, limit=2):
        queue.record(worker, [success(claim)])
    other.execute("DELETE FROM jobs_finishedbatch WHERE id = (SELECT min(id) FROM jobs_finishedbatch)")
    reader = Reader()
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '5s'")
    try:
        assert len(reader.rest()) == 1
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
    other.rollback()
    assert len(reader.rest()) == 1


@pytest.mark.parametrize("batches", [4, 5, 6, 11])
def test_positions_are_given_to_some_at_a_time(monkeypatch, batches):
    monkeypatch.setattr(feed_positions, "MOST_GIVEN", 5)
    job = submit_job(batches)
    worker = make_worker()
    for claim in queue.claim(worker, limit=batches):
        queue.record(worker, [success(claim)])
    reader = Reader()
    rows, has_more = reader.page(limit=100)
    assert (len(rows), has_more) == (min(batches, 5), batches >= 5)
    assert len(rows) + len(reader.rest()) == len(outcomes(job))
