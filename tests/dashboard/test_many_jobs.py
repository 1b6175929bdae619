"""Actions on several jobs at once: confirmed first, then done and recorded; and the engines that one wakes."""

import re

import psycopg
import pytest
from django.db import connection

from jobs import actions, errors, queue
from jobs.engine.heartbeat import CHANNEL
from jobs.models import ImageResult, JobAction
from tests.factories import failure, look, make_worker, states, submit_job, submit_visits

pytestmark = pytest.mark.django_db


def failed_job(images=1):
    job = submit_job(images)
    worker = make_worker()
    queue.record(worker, [failure(claim, errors.NotAnImage()) for claim in queue.claim(worker, limit=images)])
    return job


def choose(client, verb, *jobs, **more):
    return client.post("/jobs/act/", {"act": verb, "q": " ".join(str(job.pk) for job in jobs), **more}, follow=True)


def confirm(client, verb, *jobs, **more):
    return choose(client, verb, *jobs, confirmed="yes", **more)


def said(answer):
    return [str(message) for message in answer.context["messages"]]


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "retry"])
def test_nothing_is_done_before_it_is_confirmed(admin_client, verb):
    job = submit_job(2)
    answer = choose(admin_client, verb, job)
    assert f"Job {job.pk}" in answer.text
    assert 'name="confirmed" value="yes"' in answer.text
    assert f'name="q" value="{job.pk}"' in answer.text
    assert (look(job).state, JobAction.objects.count()) == ("queued", 0)


def test_jobs_chosen_by_their_ids_are_acted_on_and_no_others(admin_client):
    one, two, untouched = submit_job(2), submit_job(1), submit_job(1)
    assert said(confirm(admin_client, "cancel", one, two)) == ["3 images of 2 jobs will not be fetched."]
    assert [look(job).outcome for job in (one, two, untouched)] == ["canceled", "canceled", None]


@pytest.mark.parametrize("separator", [" ", ",", ", ", "\n", "  "])
def test_ids_may_be_separated_as_people_do_it(admin_client, separator):
    one, two, _ = submit_job(1), submit_job(1), submit_job(1)
    answer = admin_client.get("/jobs/", {"q": separator.join([str(one.pk), "9" * 30, str(two.pk)])})
    assert [job.pk for job in answer.context["jobs"]] == [two.pk, one.pk]


def test_a_store_id_that_reads_like_a_list_of_ids_is_found_too(admin_client):
    numbered = submit_job(1)
    named = submit_visits((f"{numbered.pk}, 7", ["http://n.test/1"]))
    answer = admin_client.get("/jobs/", {"q": f"{numbered.pk}, 7"})
    assert {job.pk for job in answer.context["jobs"]} >= {named.pk, numbered.pk}


@pytest.mark.parametrize("jobs", [20, 21])
def test_the_confirmation_names_the_first_jobs_and_counts_the_others(admin_client, jobs):
    made = [submit_job(1) for _ in range(jobs)]
    text = choose(admin_client, "pause", *made).text
    assert f"Job {made[19].pk}</a>" in text
    assert ("and 1 more" in text) == (jobs == 21)


def test_what_a_jobs_state_does_not_allow_is_said_and_the_others_are_done(admin_client):
    ended, other = submit_job(1), submit_job(1)
    queue.cancel(ended.pk)
    assert said(confirm(admin_client, "cancel", ended, other)) == [
        "1 image of 1 job will not be fetched.",
        f"Job {ended.pk} has ended; there is nothing to cancel.",
    ]


def test_the_retrys_confirmation_counts_what_can_help(admin_client, settings):
    settings.MAX_ATTEMPTS = 1
    job = submit_visits(("T-1", ["http://a/1", "http://a/2"]), ("no", ["http://a/3"]))
    worker = make_worker()
    one, two = queue.claim(worker, limit=2)
    queue.record(worker, [failure(one, errors.ReadTimeout()), failure(two, errors.NotAnImage())])
    failed_job(1)
    sentence = "3 images failed. Another attempt may help 1; 1 is permanent until the cause is repaired;"
    assert f"{sentence} 1 is of unknown stores." in choose(admin_client, "retry", job).text
    assert "Another attempt" not in choose(admin_client, "pause", job).text


def test_chosen_jobs_are_retried_and_their_numbers_reported(admin_client):
    one, two, untouched = failed_job(3), failed_job(2), failed_job(1)
    assert said(confirm(admin_client, "retry", one, two, submit_job(1))) == ["5 images of 2 jobs will be tried again."]
    assert [states(job) for job in (one, two, untouched)] == [["pending"] * 3, ["pending"] * 2, ["failed"]]


def test_one_image_of_one_job_is_reported_in_the_singular(admin_client):
    assert said(confirm(admin_client, "retry", failed_job(1))) == ["1 image of 1 job will be tried again."]


def test_images_of_unknown_stores_are_reported_to_stay_failed(admin_client):
    job = submit_visits(("nowhere", ["http://n.test/1", "http://n.test/2"]))
    assert said(confirm(admin_client, "retry", job, stage="failed")) == [
        "No image will be tried again.",
        "Left failed, because their store is still unknown: 2.",
    ]


def test_a_job_without_failures_is_left_alone(admin_client):
    job = submit_job(1)
    assert said(confirm(admin_client, "retry", job)) == ["No image will be tried again."]
    assert ImageResult.objects.get().generation == 0
    assert not JobAction.objects.exists()


def test_each_job_keeps_who_retried_it(admin_client, admin_user):
    job = failed_job(2)
    confirm(admin_client, "retry", job)
    action = JobAction.objects.get()
    assert (action.user, action.user_name, action.job_id, action.images) == (admin_user, "admin", job.pk, 2)
    assert "<strong>Retry</strong> by admin" in admin_client.get(f"/jobs/{job.pk}/").text


def test_the_confirmation_takes_as_many_queries_for_many_jobs(admin_client, django_assert_max_num_queries):
    jobs = [submit_job(1) for _ in range(30)]
    with django_assert_max_num_queries(12):
        choose(admin_client, "retry", *jobs)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", ["list", "job"])
def test_the_engines_are_woken_after_the_commit(admin_client, page):
    job = failed_job(1)
    parameters = {**connection.get_connection_params(), "autocommit": True}
    parameters.pop("pool", None)
    with psycopg.connect(**parameters) as listener:
        listener.execute(f"LISTEN {CHANNEL}")
        if page == "list":
            confirm(admin_client, "retry", job)
        else:
            admin_client.post(f"/jobs/{job.pk}/retry/", {"what": "all"})
        heard = list(listener.notifies(timeout=10, stop_after=1))
    assert [notification.channel for notification in heard] == [CHANNEL]


def hidden(answer):
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', answer.text))


@pytest.fixture
def one_at_a_time(monkeypatch):
    """A request that has time for one job alone."""
    act = actions.act_on_all
    monkeypatch.setattr(actions, "act_on_all", lambda *given, **named: act(*given, **{**named, "seconds": 0}))


@pytest.mark.parametrize("verb", ["pause", "cancel", "retry"])
def test_an_action_that_takes_longer_than_a_request_goes_on_until_the_newest_job(admin_client, one_at_a_time, verb):
    jobs = [failed_job(2) if verb == "retry" else submit_job(2) for _ in range(3)]
    form = hidden(admin_client.post("/jobs/act/", {"act": verb}))
    since = submit_job(1)
    shown = []
    for _ in range(3):
        answer = admin_client.post("/jobs/act/", form, follow=True)
        shown.append(re.findall(r"<strong>(\d of \d) jobs</strong>", answer.text))
        form = hidden(answer)
    assert shown == [["1 of 3"], ["2 of 3"], []]
    assert [JobAction.objects.filter(job=job).count() for job in (*jobs, since)] == [1, 1, 1, 0]
    assert "6 images of 3 jobs" in said(answer)[0]


def test_what_goes_on_can_be_stopped_and_goes_on_by_a_button_without_a_script(admin_client, one_at_a_time):
    made = [submit_job(1) for _ in range(3)]
    answer = choose(admin_client, "cancel", *made, confirmed="yes")
    assert "data-goes-on" in answer.text
    assert "Go on with the other 2</button>" in answer.text
    assert "Stop here</a>" in answer.text


@pytest.mark.parametrize("after", ["x", "-1", "9" * 40, ""])
def test_a_form_with_odd_numbers_begins_at_the_oldest_job(admin_client, after):
    job = submit_job(1)
    assert said(confirm(admin_client, "pause", job, after=after, until=after)) == ["1 image of 1 job will wait."]
