"""Does any page, answer or list show a job that is half deleted?"""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils.module_loading import import_string

from jobs import deletion
from jobs.deletion import slices
from jobs.models import ImageResult, Visit
from jobs.reporting import overview
from stores.models import Store
from tests.factories import KNOWN_STORE, submit_job, submit_visits
from tests.jobs.deletion.conftest import ended_job, left

pytestmark = pytest.mark.django_db(transaction=True)

URL = "half-deleted.example"
STORE = "half-deleted"
OF_JOB = [
    "/jobs/{job}/", "/jobs/{job}/?part=images", "/jobs/{job}/retry/", "/jobs/{job}/delete/",
    "/jobs/{job}/images/{image}/", "/api/v1/jobs/{job}", "/api/v1/jobs/{job}/images",
    "/api/v1/jobs/{job}/images/{image}", "/api/v1/jobs/{job}/failures", "/api/v1/jobs/{job}/throughput",
    "/api/v1/jobs/{job}/actions", "/api/v1/jobs/{job}/retry", "/api/v1/jobs/{job}/store-errors",
    "/api/v1/jobs/{job}/events", "/api/v1/jobs/{job}/export?format=csv",
]  # fmt: skip
LISTS = [
    "/jobs/", "/jobs/?q={job}", "/jobs/?q=half-deleted", "/jobs/?stage=ended", "/stores/{store}/",
    "/api/v1/jobs", "/api/v1/jobs?store=half-deleted", "/api/v1/jobs?state=ended", "/api/v1/jobs?outcome=failed",
    "/api/visits?limit=100", "/api/visits?storeid=half-deleted", "/api/v1/visits", "/api/v1/visits?store=half-deleted",
    "/api/v1/stores/half-deleted/visits", "/admin/jobs/job/", "/admin/jobs/visit/", "/admin/jobs/imageresult/",
    "/admin/jobs/visit/?q=half-deleted", "/admin/jobs/imageresult/?job={job}", "/admin/jobs/imageresult/?visit={visit}",
]  # fmt: skip


@pytest.fixture
def half_deleted(monkeypatch):
    """A job of which one slice is gone, beside one that stays."""
    Store.objects.create(store_id=STORE, name="Shop", area_code="A-1")
    ended_job(completed=1, failed=0)
    job = ended_job(completed=8, failed=4, host=URL)
    Visit.objects.filter(job=job).update(store_id=STORE)
    monkeypatch.setattr(slices, "MOST_ROWS", 5)
    deletion.mark(job.pk, None)
    deletion.delete_slice(wait=True)
    assert left(job) == 7
    image = ImageResult.objects.filter(job_id=job.pk).first()
    return {"job": job.pk, "image": image.pk, "visit": image.visit_id, "store": Store.objects.get(store_id=STORE).pk}


def text_of(answer):
    return answer.getvalue().decode()


@pytest.mark.parametrize("user", ["chief", "owner"])
def test_whatever_belongs_to_it_is_not_found(half_deleted, admin_client, client, user, settings):
    settings.API_OPEN = True
    if user == "chief":
        client = admin_client
    else:
        client.force_login(User.objects.create_user("owner"))
    found = {path: client.get(path.format(**half_deleted)).status_code for path in OF_JOB}
    assert set(found.values()) == {404}, found
    assert client.get(f"/api/status?jobid={half_deleted['job']}").status_code == 400
    for page in ("job", "visit", "imageresult"):
        pk = half_deleted["image" if page == "imageresult" else page]
        assert client.get(f"/admin/jobs/{page}/{pk}/change/").status_code == 302


def test_no_list_shows_any_of_it(half_deleted, admin_client):
    wrong = []
    for path in LISTS:
        answer = admin_client.get(path.format(**half_deleted))
        text = text_of(answer).split("<main", 1)[-1]
        of_job = (f"{URL}/", f'/jobs/{half_deleted["job"]}/"', f"Job\N{NO-BREAK SPACE}{half_deleted['job']}")
        if answer.status_code != 200 or any(shown in text for shown in of_job):
            wrong.append(path)
        elif path.startswith("/api"):
            rows = answer.json()["results"]
            shown = [row for row in rows if half_deleted["job"] in (row.get("id"), row.get("job_id"))]
            if shown or (rows and STORE in path):
                wrong.append(path)
    assert wrong == []


def test_the_same_lists_would_show_it_while_it_is_there(admin_client):
    """So that the lists above are not empty for another reason."""
    Store.objects.create(store_id=STORE, name="Shop", area_code="A-1")
    job = ended_job(completed=8, failed=4, host=URL)
    Visit.objects.filter(job=job).update(store_id=STORE)
    image = ImageResult.objects.filter(job_id=job.pk).first()
    there = {"job": job.pk, "image": image.pk, "visit": image.visit_id, "store": Store.objects.get(store_id=STORE).pk}
    for path in LISTS:
        text = text_of(admin_client.get(path.format(**there)))
        assert STORE in text.split("<main", 1)[-1] or str(job.pk) in text, path


def test_a_replay_that_has_found_the_job_just_before_is_answered_with_it(client, settings, monkeypatch):
    """The first look at the key and the look at the job are two statements."""
    settings.API_OPEN = True
    monkeypatch.setattr(slices, "GRACE_SECONDS", 60)
    from jobs.submission.submit import submit

    def submit_and_delete(*arguments, **options):
        submitted = submit(*arguments, **options)
        deletion.mark(submitted.job_id, None)
        return submitted

    monkeypatch.setattr("api.v1.jobs.submit", submit_and_delete)
    body = '{"count": 1, "visits": [{"store_id": "nowhere", "image_url": ["http://a.test/1"], "visit_time": "today"}]}'
    answer = client.post("/api/v1/jobs", body, content_type="application/json")
    assert answer.status_code == 201


def test_the_overview_counts_no_backlog_of_it(half_deleted):
    found = overview.overview()
    assert (found.ready, found.waiting, found.running) == (0, 0, 0)


def test_a_person_who_acts_on_a_job_that_was_just_deleted_finds_nothing(admin_client, monkeypatch):
    """Found by the view, deleted before the action."""
    job = ended_job(completed=0, failed=1)
    other = submit_job(1)

    def after_deletion(action):
        def act(*arguments, **options):
            with connection.cursor() as cursor:
                cursor.execute("UPDATE jobs_job SET is_deleted = true WHERE id = ANY (%s)", [[job.pk, other.pk]])
            return action(*arguments, **options)

        return act

    for name in ("jobs.queue.retry", "jobs.queue.pause", "jobs.deletion.mark"):
        monkeypatch.setattr(name, after_deletion(import_string(name)))
    posts = [
        (f"/jobs/{job.pk}/retry/", {"what": "all"}),
        (f"/jobs/{other.pk}/act/", {"act": "pause"}),
        (f"/jobs/{job.pk}/delete/", {}),
        (f"/api/v1/jobs/{job.pk}/retry", {}),
        (f"/api/v1/jobs/{other.pk}/pause", {}),
    ]
    for path, form in posts:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE jobs_job SET is_deleted = false")
        kind = {"content_type": "application/json"} if path.startswith("/api") else {}
        assert admin_client.post(path, form, **kind).status_code == 404, path
    with connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_job SET is_deleted = false")
    assert admin_client.delete(f"/api/v1/jobs/{job.pk}").status_code == 404


def test_visits_of_jobs_that_stay_are_listed(half_deleted, admin_client):
    submit_visits((KNOWN_STORE, ["http://stays.example/1"]))
    assert "stays.example" in text_of(admin_client.get("/admin/jobs/imageresult/"))
