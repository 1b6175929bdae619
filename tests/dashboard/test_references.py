"""Do pages show what clients say of jobs, visits and images, and lead from a client's own id to what has it?"""

import json

import pytest
from django.contrib.auth.models import User

from dashboard import client_filter
from insights.models import VisitSummary
from jobs.models import ImageDetails, Job, Visit
from jobs.submission.payload import parse_submission
from jobs.submission.submit import submit
from tests.api.payloads import submission, visit
from tests.dashboard.conftest import HOSTILE
from tests.factories import make_staff

pytestmark = pytest.mark.django_db
SAID = {"client_reference": "A-7", "metadata": {"route": f"7 {HOSTILE}"}}


def send(owner, **said):
    image = {"url": "http://images.test/1.jpg", **said}
    body = submission({**visit("unknown", image), "visited_by": "rep", **said}, visit("unknown"), **said)
    payload = parse_submission(body)
    return Job.objects.get(pk=submit(payload.visits, owner=owner, details=payload.details).job_id)


@pytest.fixture
def bob():
    return User.objects.create_user("bob")


def places(answer):
    return [(place.name, place.job_id) for place in answer.context["places"]]


def of(job):
    first = Visit.objects.filter(job=job).order_by("pk").first().pk
    image = ImageDetails.objects.get(image__job=job).pk
    return [(f"Job {job.pk}", job.pk), (f"Visit {first}", job.pk), (f"Image {image}", job.pk)]


def test_a_reference_leads_to_the_job_the_visit_and_the_image_that_have_it(page, anna, bob):
    mine, other, of_bob = send(anna, **SAID), send(anna), send(bob, **SAID)
    answer = page.get("/jobs/", {"q": "A-7"})
    assert [job.pk for job in answer.context["jobs"]] == [mine.pk]
    assert places(answer) == of(mine)
    for place in answer.context["places"]:
        assert page.get(place.address).status_code == 200
        assert f'href="{place.address}"' in answer.text
    assert str(of_bob.pk) not in [str(job.pk) for job in page.get("/jobs/").context["jobs"]]
    assert places(page.get("/jobs/", {"q": str(other.pk)})) == []


@pytest.mark.parametrize("reference", ["A-8", "", "x" * 129, "a-7"])
def test_what_nobody_said_leads_nowhere(page, anna, reference):
    send(anna, **SAID)
    assert places(page.get("/jobs/", {"q": reference})) == []


def test_who_may_see_the_jobs_of_all_sees_where_it_is_in_each(client, anna, bob):
    jobs = [send(anna, **SAID), send(bob, **SAID)]
    client.force_login(make_staff("view_job"))
    assert {job_id for _, job_id in places(client.get("/jobs/", {"q": "A-7"}))} == {job.pk for job in jobs}


def test_an_image_alone_is_found_as_well(page, anna):
    payload = parse_submission(submission(visit("unknown", {"url": "http://a/1", "client_reference": "I-1"})))
    job_id = submit(payload.visits, owner=anna).job_id
    answer = page.get("/jobs/", {"q": "I-1"})
    assert [job.pk for job in answer.context["jobs"]] == [job_id]
    assert [name.partition(" ")[0] for name, _ in places(answer)] == ["Image"]


def test_the_pages_of_all_three_show_them_and_no_markup(page, anna):
    job = send(anna, **SAID)
    visit_id = Visit.objects.filter(job=job).order_by("pk").first().pk
    image_id = ImageDetails.objects.get().pk
    for path in (f"/jobs/{job.pk}/", f"/visits/{visit_id}/photos/", f"/jobs/{job.pk}/images/{image_id}/"):
        text = page.get(path).text
        assert '<dt>Reference</dt><dd class="break">A-7</dd>' in text
        assert '<dt class="break">route</dt>' in text
        assert HOSTILE not in text
        assert "7 &lt;script&gt;" in text
    assert "A-7" in page.get("/jobs/").text


def test_the_pages_of_those_without_any_say_nothing_of_it(page, anna):
    job = send(anna)
    visit_id = Visit.objects.filter(job=job).first().pk
    image_id = job.images.first().pk
    for path in (f"/jobs/{job.pk}/", f"/visits/{visit_id}/photos/", f"/jobs/{job.pk}/images/{image_id}/"):
        assert "<dt>Reference</dt>" not in page.get(path).text


@pytest.fixture
def summed(anna, bob):
    """What is summed of the visits of three jobs: two of anna's, one of bob's with the same reference."""
    jobs = [send(anna, **SAID), send(anna, metadata={"route": "8"}), send(bob, **SAID)]
    for each in Visit.objects.select_related("job"):
        VisitSummary.objects.create(
            visit_id=each.pk, job_id=each.job_id, owner_id=each.job.owner_id, store_id="unknown", images=1,
            visited_at=each.visited_at, completed=0, failed=0, unprocessed=1, fetched=0, fetch_ms=0,
        )  # fmt: skip
    return [list(Visit.objects.filter(job=job).order_by("pk").values_list("pk", flat=True)) for job in jobs]


def listed(page, **query):
    answer = page.get("/visits/list/", {"from": "2026-01-30", "to": "2026-02-01", **query})
    return [row.visit_id for row, _ in answer.context["visits"]], answer


def test_visits_are_filtered_by_what_their_client_says(page, summed):
    (first, second), (third, fourth), _ = summed
    assert listed(page)[0] == [fourth, third, second, first]
    assert listed(page, reference="A-7")[0] == [first]
    assert listed(page, by="rep")[0] == [third, first]
    assert listed(page, by="rep", metadata="route:8")[0] == [third]
    assert listed(page, metadata=f"route:7 {HOSTILE}")[0] == [first]
    for nothing in ({"reference": "A-8"}, {"by": "re"}, {"metadata": "route:9"}):
        assert listed(page, **nothing)[0] == []


def test_a_reference_leads_to_its_visit_whatever_the_days(page, summed):
    answer = page.get("/visits/list/", {"reference": "A-7", "from": "2020-01-01", "to": "2020-01-02"})
    assert [name.partition(" ")[0] for name, _ in places(answer)] == ["Job", "Visit", "Image"]
    assert "is the client\u2019s reference of" in answer.text


def test_pages_keep_the_filters(page, summed, monkeypatch):
    monkeypatch.setattr("dashboard.pages.visits.ROWS", 1)
    _, answer = listed(page, by="rep")
    assert "&amp;by=rep&amp;before=" in answer.text


def test_what_is_no_pair_and_what_has_too_many_visits_is_said(page, summed, monkeypatch):
    assert "Metadata is searched as name:value" in listed(page, metadata="route")[1].text
    monkeypatch.setattr(client_filter, "MOST_FOUND", 2)
    assert "were submitted last" not in listed(page, by="rep")[1].text
    monkeypatch.setattr(client_filter, "MOST_FOUND", 1)
    found, answer = listed(page, by="rep")
    assert found == [summed[1][0]]
    assert "only the 1 that were submitted last" in answer.text


def test_to_submit_a_reference_again_shows_whose_it_is(page, anna):
    first = send(anna, **SAID)
    body = json.dumps(submission(visit("unknown"), client_reference="A-7"))
    answer = page.post("/submit/", {"way": "json", "act": "submit", "body": body})
    assert f"is that of job {first.pk}." in answer.text
    assert Job.objects.count() == 1
