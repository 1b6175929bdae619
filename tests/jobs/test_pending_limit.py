"""Does every way to more unfinished images obey MAX_PENDING_IMAGES?"""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from jobs import actions, errors, queue
from jobs.models import Job
from jobs.pending_limit import TooManyPending
from jobs.states import ImageState
from tests.api.payloads import submission
from tests.factories import failure, look, make_stores, make_worker, states, submit_job

pytestmark = pytest.mark.django_db

JSON = "application/json"


@pytest.fixture
def owner(settings):
    settings.MAX_PENDING_IMAGES = 3
    return User.objects.create_user("owner")


@pytest.fixture
def failed(owner) -> Job:
    """A job whose two images failed, one of which another attempt may help."""
    job = submit_job(2, owner=owner)
    worker = make_worker()
    first, second = queue.claim(worker, limit=2)
    final = errors.ReadTimeout()
    final.retryable = False
    queue.record(worker, [failure(first, final), failure(second, errors.NotAnImage())])
    return look(job)


@pytest.fixture
def full(failed, owner) -> Job:
    """`failed`, while there is room for one more image."""
    submit_job(2, owner=owner)
    return failed


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_retry_is_refused_as_a_submission_is(full, owner):
    client = sign_in(owner)
    retried = client.post(f"/api/v1/jobs/{full.pk}/retry", {}, JSON)
    submitted = client.post("/api/v1/jobs", submission(*[submission()["visits"][0]] * 2), JSON)
    for answer in (retried, submitted):
        assert (answer.status_code, answer.json()["type"]) == (429, "/docs/problems/#too-many-pending")
        assert answer["Retry-After"] == "60"
    assert states(full) == [ImageState.FAILED] * 2
    assert not full.actions.exists()


def test_it_may_fill_the_limit_to_the_last_image(full, owner):
    worker = make_worker()
    (claim,) = queue.claim(worker, limit=1)
    queue.record(worker, [failure(claim, errors.NotAnImage())])
    assert sign_in(owner).post(f"/api/v1/jobs/{full.pk}/retry", {}, JSON).status_code == 200
    assert states(full) == [ImageState.PENDING] * 2


def test_only_what_is_reopened_counts(full, owner):
    client = sign_in(owner)
    assert client.post(f"/api/v1/jobs/{full.pk}/retry", {"only_retryable": True}, JSON).json()["reopened"] == 1


def test_images_of_unknown_stores_count_once_their_store_is_known(settings, owner):
    job = submit_job(4, store_id="new", owner=owner)
    assert actions.retry(job.pk, owner).reopened == 0
    make_stores("new")
    with pytest.raises(TooManyPending):
        actions.retry(job.pk, owner)


def test_staff_may_not_pass_the_limit_for_an_owner_and_have_one_of_their_own(full, owner):
    with pytest.raises(TooManyPending, match="2 of the owner's images are still pending and this retry adds 2"):
        actions.retry(full.pk, User.objects.create_superuser("root"))


def test_the_dashboard_says_so(full, owner):
    answer = sign_in(owner).post(f"/jobs/{full.pk}/retry/", {"what": "all"}, follow=True)
    assert "but at most 3 may be pending at once" in answer.text
    assert look(full).state == "ended"


def test_so_does_an_action_on_all_jobs_of_those_that_find_no_room(full, owner):
    answer = sign_in(owner).post("/jobs/act/", {"act": "retry", "confirmed": "yes"}, follow=True)
    assert "but at most 3 may be pending at once" in answer.text
    assert look(full).state == "ended"


def test_the_command_says_so(full):
    with pytest.raises(CommandError, match="but at most 3 may be pending at once"):
        call_command("retry", str(full.pk), stdout=StringIO())


def test_a_paused_job_counts_so_that_resuming_it_adds_nothing(full, owner):
    other = Job.objects.exclude(pk=full.pk).get()
    actions.pause(other.pk, owner)
    with pytest.raises(TooManyPending):
        actions.retry(full.pk, owner)
    actions.resume(other.pk, owner)
    assert look(other).pending == 2


def test_all_jobs_without_an_owner_are_one_users(settings):
    settings.MAX_PENDING_IMAGES = 3
    settings.API_OPEN = True
    canceled = submit_job(2)
    actions.cancel(canceled.pk, None)
    submit_job(2)
    assert Client().post(f"/api/v1/jobs/{canceled.pk}/retry", {}, JSON).status_code == 429
