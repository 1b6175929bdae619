"""Do owners share the queue, however many images and jobs each has, and whenever they came?"""

from heapq import heappop, heappush
from itertools import count
from math import log

import pytest
from django.contrib.auth.models import User

from jobs import queue
from jobs.models import ImageResult
from jobs.models.front import Front, front_of_line
from jobs.pending_limit import Pending
from jobs.queue.rank import SECONDS_PER_PRIORITY, beginning
from jobs.submission.submit import _spacing
from tests.factories import defer, make_worker, submit_job


@pytest.fixture
def worker():
    return make_worker()


@pytest.fixture
def owners():
    return [User.objects.create_user(name) for name in "abc"]


def claim(worker, images, at_once=8):
    """The jobs of the next images, in the order in which they are claimed."""
    claims = []
    while len(claims) < images and (more := queue.claim(worker, min(at_once, images - len(claims)))):
        claims += sorted(more, key=lambda each: each.image_id)
    return [each.job_id for each in claims]


@pytest.mark.django_db
def test_ten_images_begin_at_once_behind_a_large_job_that_has_come_far(worker, owners):
    a, b, _ = owners
    submit_job(600, owner=a)
    claim(worker, 300, at_once=100)
    small = submit_job(10, owner=b)
    assert claim(worker, 20, at_once=1).count(small.pk) == 10


@pytest.mark.django_db
def test_who_came_first_is_not_passed_by_all_that_comes_later(worker, owners):
    a, b, _ = owners
    first = submit_job(600, owner=a)
    claim(worker, 300, at_once=100)
    submit_job(300, owner=b)
    assert claim(worker, 100, at_once=20).count(first.pk) == 50


@pytest.mark.django_db
def test_ten_images_begin_soon_behind_many_jobs_of_one_owner(worker, owners):
    a, b, _ = owners
    for _ in range(100):
        submit_job(5, owner=a)
    small = submit_job(10, owner=b)
    begun = claim(worker, 100, at_once=20)
    # For each of its own, as many of the other's as a hundred jobs get: the sum of 1/n.
    assert 100 - begun[::-1].index(small.pk) <= 10 + 10 * (1 + log(100))


@pytest.mark.django_db
def test_two_jobs_of_an_owner_together_get_half_more_than_one(worker, owners):
    a, b, _ = owners
    for _ in range(2):
        submit_job(200, owner=a)
    other = submit_job(200, owner=b)
    assert claim(worker, 100, at_once=20).count(other.pk) == pytest.approx(100 / 2.5, abs=2)


@pytest.mark.django_db
def test_jobs_without_an_owner_share_as_if_each_were_somebody_elses(worker):
    for _ in range(3):
        submit_job(40)
    last = submit_job(10)
    assert claim(worker, 44, at_once=11).count(last.pk) == 10


@pytest.mark.django_db
def test_a_resumed_and_a_retried_job_begin_where_the_line_is(worker, owners):
    a, b, c = owners
    paused, canceled = submit_job(50, owner=a), submit_job(50, owner=b)
    queue.pause(paused.pk)
    queue.cancel(canceled.pk)
    running = submit_job(400, owner=c)
    claim(worker, 200, at_once=100)
    queue.resume(paused.pk)
    queue.retry(canceled.pk)
    begun = claim(worker, 60, at_once=20)
    for job in (paused, canceled, running):
        assert begun.count(job.pk) == pytest.approx(20, abs=1)


@pytest.mark.django_db
def test_the_line_is_at_the_present_where_no_image_is_ready(worker):
    job = submit_job(3)
    defer(job, "photos.example:443")
    front = front_of_line()
    assert front[1:] == (None, 0, 0)
    assert beginning(front, 5) == front.now.timestamp()


@pytest.mark.django_db
def test_the_front_knows_what_its_image_has_for_priority_and_how_far_its_job_is(worker):
    job = submit_job(3, priority=2)
    ImageResult.objects.filter(job=job).update(category_priority=1)
    queue.cancel(submit_job(1).pk)
    first = ImageResult.objects.filter(job=job).order_by("rank").first()
    assert front_of_line()[1:] == (first.rank, 3, 0)


HOUR = SECONDS_PER_PRIORITY


@pytest.mark.parametrize(
    ("front", "priority", "first_rank"),
    [
        # Of the same priority: where the line is.
        ((1000.0, 0, 70), 0, 1000.0),
        ((1000.0 - 2 * HOUR, 2, 70), 2, 1000.0 - 2 * HOUR),
        # A higher one goes before it by its hours, a lower one behind.
        ((1000.0, 0, 70), 3, 1000.0 - 3 * HOUR),
        ((1000.0 + HOUR, -1, 70), 0, 1000.0),
        # Behind an urgent job, beside those that it has passed when it began, at 1000.
        ((1070.0 - HOUR, 1, 70), 0, 1000.0),
        # It has come so far that the others have their turns too.
        ((9_000.0 - HOUR, 1, 8_000), 0, 9_000.0 - HOUR),
    ],
)
def test_a_job_begins_beside_the_others_of_its_priority(front, priority, first_rank):
    found = beginning(Front(None, *front), priority) - priority * HOUR
    assert found == pytest.approx(first_rank)


class Line:
    """The queue of one worker slot, without a database: images in the order of their ranks."""

    def __init__(self):
        self.waiting, self.left, self.begun, self._number = [], {}, [], count()

    def submit(self, owner, images):
        rank = self.waiting[0][0] if self.waiting else 0.0
        jobs = self.left.setdefault(owner, {})
        spacing = _spacing(owner, Pending(0, len(jobs)))
        first = beginning(Front(None, rank, 0, 0), 0) + spacing - 1
        job = next(self._number)
        jobs[job] = images
        for place in range(images):
            heappush(self.waiting, (first + place * spacing, next(self._number), owner, job))

    def step(self):
        *_, owner, job = heappop(self.waiting)
        self.begun.append(owner)
        jobs = self.left[owner]
        jobs[job] -= 1
        if not jobs[job]:
            del jobs[job]


def test_nobody_gets_less_than_their_share_whatever_the_others_do():
    """Four owners: one large job, small jobs one after the other, a hundred jobs at a time, and one who comes late."""
    line = Line()
    line.submit("large", 20_000)
    for step in range(12_000):
        if not line.left.get("small"):
            line.submit("small", 30)
        while len(line.left.get("many", ())) < 100:
            line.submit("many", 20)
        if step == 6_000:
            line.submit("late", 5_000)
        line.step()
    most = 1 + log(100)
    before, after = line.begun[2_000:6_000], line.begun[6_000:]
    for owner in ("large", "small"):
        assert before.count(owner) / len(before) >= 0.9 / (2 + most)
        assert after.count(owner) / len(after) >= 0.9 / (3 + most)
    assert after.count("late") / len(after) >= 0.9 / (3 + most)
    assert before.count("many") / len(before) >= 0.9 / 3


def test_ten_images_begin_within_a_bounded_number_of_claims_whenever_they_come():
    line = Line()
    line.submit("large", 10_000)
    for _ in range(50):
        line.submit("many", 100)
    for step in range(8_000):
        if step % 1_000 == 500:
            line.submit(f"ten {step}", 10)
        line.step()
    for step in range(500, 8_000, 1_000):
        last = max(place for place, owner in enumerate(line.begun) if owner == f"ten {step}")
        assert last - step <= 10 * (2 + 1 + log(50))
