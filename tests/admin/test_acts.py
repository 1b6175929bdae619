"""What the admin lets people do to jobs: asked once more, then done, and written down."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User

from jobs import errors, queue
from jobs.models import Job, JobAction
from tests.admin.conftest import list_page, row_page
from tests.factories import failure, look, make_worker, states, submit_job, submit_visits

pytestmark = pytest.mark.django_db


def choose(client, act, *jobs, page=None, **more):
    choice = {"action": act, "_selected_action": [job.pk for job in jobs], **more}
    return client.post(page or list_page(Job), choice, follow=True)


def confirm(client, act, *jobs, **more):
    return choose(client, act, *jobs, confirmed="yes", **more)


def messages(response):
    return [str(message) for message in response.context["messages"]]


@pytest.mark.parametrize("act", ["cancel_jobs", "pause_jobs", "resume_jobs", "retry_failed_images"])
def test_nothing_is_done_before_it_is_confirmed(admin_client, act):
    job = submit_job(2)
    response = choose(admin_client, act, job)
    assert f"Job {job.pk}" in response.text
    assert 'name="confirmed" value="yes"' in response.text
    assert (look(job).state, JobAction.objects.count()) == ("queued", 0)


def test_the_confirmation_repeats_the_choice(admin_client):
    jobs = [submit_job(2), submit_job(1)]
    repeated = dict(choose(admin_client, "cancel_jobs", *jobs).context["repeated"])
    assert repeated["action"] == "cancel_jobs"
    assert messages(confirm(admin_client, "cancel_jobs", *jobs)) == ["3 images of 2 jobs will not be fetched."]
    assert [look(job).outcome for job in jobs] == ["canceled", "canceled"]


def test_a_job_is_paused_and_resumed_from_its_own_page(admin_client):
    job = submit_job(2)
    for act, state, said in [
        ("pause_jobs", "paused", "2 images of 1 job will wait."),
        ("resume_jobs", "queued", "2 images of 1 job will go on."),
    ]:
        choice = {"CHANGE_FORM-action": act, "_selected_action": [job.pk]}
        assert "confirmed" in admin_client.post(row_page(job), choice).text
        response = admin_client.post(row_page(job), {**choice, "confirmed": "yes"}, follow=True)
        assert (messages(response), look(job).state) == ([said], state)
    assert list(JobAction.objects.order_by("pk").values_list("verb", flat=True)) == ["pause", "resume"]


def test_what_a_jobs_state_does_not_allow_is_said_and_the_others_are_done(admin_client):
    ended, other = submit_job(1), submit_job(1)
    queue.cancel(ended.pk)
    assert messages(confirm(admin_client, "cancel_jobs", ended, other)) == [
        "1 image of 1 job will not be fetched.",
        f"Job {ended.pk} has ended; there is nothing to cancel.",
    ]


def test_all_that_match_are_meant_where_all_are_chosen(admin_client):
    jobs = [submit_job(1) for _ in range(3)]
    confirm(admin_client, "cancel_jobs", jobs[0], select_across="1")
    assert {look(job).outcome for job in jobs} == {"canceled"}


def test_the_retrys_confirmation_counts_what_can_help(admin_client, settings):
    settings.MAX_ATTEMPTS = 1
    job = submit_visits(("T-1", ["http://a/1", "http://a/2"]), ("no", ["http://a/3"]))
    worker = make_worker()
    one, two = queue.claim(worker, limit=2)
    queue.record(worker, [failure(one, errors.ReadTimeout()), failure(two, errors.NotAnImage())])
    assert (
        "3 failed. Another attempt may help 1; 1 are permanent until their cause is mended; 1 are of unknown stores."
        in choose(admin_client, "retry_failed_images", job).text
    )


def test_each_job_gets_a_log_entry(admin_client, admin_user):
    job = submit_job(2)
    confirm(admin_client, "cancel_jobs", job)
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (admin_user, str(job.pk))
    assert entry.get_change_message() == "Cancel jobs: 2 images will not be fetched."


def test_who_may_only_look_can_do_nothing(client):
    person = User.objects.create_user("viewer", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename="view_job"))
    client.force_login(person)
    job = submit_job(1)
    confirm(client, "cancel_jobs", job)
    assert states(job) == ["pending"]


def test_a_jobs_page_shows_its_history(admin_client):
    job = submit_job(1)
    confirm(admin_client, "pause_jobs", job)
    page = admin_client.get(row_page(job)).text
    assert "history" in page
    assert "pause" in page


def test_the_page_that_asks_takes_as_many_queries_for_many_jobs(admin_client, django_assert_max_num_queries):
    jobs = [submit_job(1) for _ in range(30)]
    with django_assert_max_num_queries(12):
        choose(admin_client, "retry_failed_images", *jobs)
