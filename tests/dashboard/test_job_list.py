"""The list of jobs: filters, search, pages, and actions on all that match."""

import pytest

from jobs import queue
from jobs.models import Job, JobAction
from tests.factories import KNOWN_STORE, look, make_stores, make_worker, submit_job, submit_visits, success

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(admin_client):
    return admin_client


def listed(answer) -> list[int]:
    return [job.pk for job in answer.context["jobs"]]


@pytest.fixture
def every_state():
    """A job in every state and with every outcome, by the word."""
    jobs = {word: submit_job(2) for word in ("completed", "canceled", "running", "paused", "canceling", "queued")}
    worker = make_worker()
    claims = queue.claim(worker, limit=100)
    of = {word: [claim for claim in claims if claim.job_id == job.pk] for word, job in jobs.items()}
    queue.record(worker, [success(claim) for claim in [*of["completed"], of["running"][0]]])
    for word in ("canceled", "paused", "queued"):
        queue.release(worker, of[word])
    queue.release(worker, of["canceling"][:1])
    queue.cancel(jobs["canceled"].pk)
    queue.cancel(jobs["canceling"].pk)
    queue.pause(jobs["paused"].pk)
    jobs["failed"] = submit_visits(("nowhere", ["http://n/1"]))
    return jobs


@pytest.mark.parametrize("word", ["completed", "failed", "canceled", "running", "paused", "canceling", "queued"])
def test_each_state_and_outcome_finds_its_jobs(page, every_state, word):
    assert listed(page.get("/jobs/", {"stage": word})) == [every_state[word].pk]


def test_without_a_filter_the_newest_comes_first(page, every_state):
    assert listed(page.get("/jobs/")) == sorted((job.pk for job in every_state.values()), reverse=True)


def test_a_state_that_there_is_not_is_no_filter(page):
    job = submit_job(1)
    assert listed(page.get("/jobs/", {"stage": "asleep"})) == [job.pk]


@pytest.mark.parametrize("q", ["{pk}", "T-1", "annas"])
def test_a_search_finds_by_id_by_store_and_by_owner(page, q, anna):
    anna.username = "annas"
    anna.save()
    mine = submit_job(1)
    Job.objects.filter(pk=mine.pk).update(owner=anna)
    make_stores("other")
    submit_visits(("other", ["http://o/1"]))
    assert listed(page.get("/jobs/", {"q": q.format(pk=mine.pk)})) == [mine.pk]


@pytest.mark.parametrize("q", ["9" * 30, "9223372036854775808", "²", "\0", "'; --", "-1", " "])
def test_an_odd_search_finds_nothing_or_everything_and_breaks_nothing(page, q):
    submit_job(1)
    assert page.get("/jobs/", {"q": q.replace("\0", "")}).status_code == 200


def test_older_jobs_are_on_the_next_page(page):
    for _ in range(51):
        Job.objects.create(total=1, status="failed", failed=1, finished_at="2026-11-25T00:00:00Z")
    first = page.get("/jobs/")
    assert len(listed(first)) == 50
    second = page.get(f"/jobs/?before={first.context['next']}")
    assert (len(listed(second)), second.context["next"]) == (1, None)
    assert not set(listed(first)) & set(listed(second))


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40, "1e3", ""])
def test_a_place_that_is_none_is_the_first_page(page, before):
    job = submit_job(1)
    assert job.pk in listed(page.get("/jobs/", {"before": before}))


def test_a_refresh_gets_the_rows_alone(page):
    submit_job(1)
    text = page.get("/jobs/", headers={"HX-Request": "true"}).text
    assert text.lstrip().startswith('<div id="rows"')
    assert "<html" not in text


def test_a_list_takes_as_many_queries_for_many_jobs(page, django_assert_max_num_queries):
    for _ in range(60):
        submit_job(1)
    worker = make_worker()
    queue.claim(worker, limit=50)
    with django_assert_max_num_queries(6):
        page.get("/jobs/")


def act(page, verb, **more):
    return page.post("/jobs/act/", {"act": verb, **more}, follow=True)


def said(answer):
    return [str(message) for message in answer.context["messages"]]


def test_an_action_on_all_that_match_first_says_how_many_they_are(page, every_state):
    answer = act(page, "cancel", stage="paused")
    assert answer.context["count"] == 1
    assert "1 job" in answer.text
    assert look(every_state["paused"]).state == "paused"


def test_then_it_is_done_on_the_server_and_written_down(page, admin_user):
    for _ in range(60):
        submit_job(1)
    answer = act(page, "cancel", stage="queued", confirmed="yes")
    assert said(answer) == ["60 images of 60 jobs will not be fetched."]
    assert Job.objects.ongoing().count() == 0
    assert set(JobAction.objects.values_list("verb", "user")) == {("cancel", admin_user.pk)}
    assert JobAction.objects.count() == 60


def test_what_is_not_possible_is_said_and_the_rest_is_done(page, every_state):
    answer = act(page, "resume", confirmed="yes")
    assert look(every_state["paused"]).state == "queued"
    sentences = said(answer)
    assert sentences[0] == "2 images of 1 job will go on."
    assert any("is not paused" in sentence for sentence in sentences)


def test_a_search_narrows_the_action(page):
    make_stores("other")
    other = submit_visits(("other", ["http://o/1"]))
    mine = submit_job(1)
    act(page, "cancel", q=KNOWN_STORE, confirmed="yes")
    assert (look(mine).state, look(other).state) == ("ended", "queued")


@pytest.mark.parametrize("verb", ["", "delete", "prioritize"])
def test_an_unknown_action_changes_nothing(page, verb):
    job = submit_job(1)
    assert said(act(page, verb, confirmed="yes")) == ["Choose what to do with the jobs."]
    assert look(job).state == "queued"
