"""Clients' own ids and metadata: are they kept and found, and what is said where an id is taken?"""

import pytest
from django.contrib.auth.models import User

from access.models import Scope
from api.v1 import pages
from jobs.models import ImageDetails, ImageResult, Job, Visit
from tests.access.conftest import make_key
from tests.api.payloads import submission, visit
from tests.factories import make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(v1):
    """Calls v1 as a user; what it answers, and with which status."""
    keys = {}

    def call(user, path, body=None, **headers):
        headers["Authorization"] = keys.setdefault(user, f"Bearer {make_key(user, *Scope)[1]}")
        answer = v1.get(path, **headers) if body is None else v1.post(path, body, **headers)
        return answer.status_code, answer.json()

    return call


@pytest.fixture
def ann():
    return User.objects.create_user("ann")


@pytest.fixture
def bob():
    return User.objects.create_user("bob")


def body_of(said, url="http://images.test/1.jpg"):
    return submission({**visit("s", "http://images.test/0.jpg", {"url": url, **said}), **said}, visit("t"), **said)


def results(call, user, path):
    status, found = call(user, path)
    assert status == 200, found
    return found["results"]


def test_all_three_show_what_the_client_said_of_them(call, ann):
    said = {"client_reference": "A", "metadata": {"route": "7"}}
    status, job = call(ann, "jobs", body_of(said))
    assert status == 201
    assert (job["client_reference"], job["metadata"]) == ("A", {"route": "7"})
    assert [each["client_reference"] for each in results(call, ann, "jobs")] == ["A"]
    visits = results(call, ann, "visits")
    assert [(each["client_reference"], each["metadata"]) for each in visits] == [("A", {"route": "7"}), (None, {})]
    images = results(call, ann, f"jobs/{job['id']}/images")
    assert [(each["client_reference"], each["metadata"]) for each in images] == [
        (None, None), ("A", {"route": "7"}), (None, None),
    ]  # fmt: skip
    for each in images:
        status, alone = call(ann, f"jobs/{job['id']}/images/{each['id']}")
        assert (alone["client_reference"], alone["metadata"]) == (each["client_reference"], each["metadata"])


def test_metadata_alone_is_no_reference(call, ann):
    _, job = call(ann, "jobs", body_of({"metadata": {"route": "7"}}))
    (_, image, _) = results(call, ann, f"jobs/{job['id']}/images")
    assert (image["client_reference"], image["metadata"]) == (None, {"route": "7"})


def test_a_reference_that_is_taken_is_a_conflict_that_names_the_first_job(call, ann, bob):
    body = body_of({"client_reference": "A"})
    _, first = call(ann, "jobs", body)
    status, problem = call(ann, "jobs", body)
    assert status == 409
    assert problem["type"].endswith("#reference-taken")
    assert (problem["job_id"], problem["job"]) == (first["id"], first["links"]["self"])
    assert problem["detail"] == f"client_reference 'A' is that of job {first['id']} (and 2 more)."
    assert [(each["pointer"], each["job_id"]) for each in problem["errors"]] == [
        ("#/client_reference", first["id"]),
        ("#/visits/0/client_reference", first["id"]),
        ("#/visits/0/image_url/1/client_reference", first["id"]),
    ]
    image = ImageDetails.objects.get(client_reference="A").pk
    assert problem["errors"][2]["detail"] == (
        f"visits[0].image_url[1].client_reference 'A' is that of image {image} of job {first['id']}."
    )
    assert Job.objects.count() == 1
    # Another's is nothing to these.
    assert call(bob, "jobs", body)[0] == 201


def test_with_the_same_key_it_is_the_same_job(call, ann):
    body = body_of({"client_reference": "A"})
    first, again, other = (call(ann, "jobs", body, Idempotency_Key=key) for key in ("k", "k", "other"))
    assert (first[0], again) == (201, first)
    assert (other[0], other[1]["job_id"]) == (409, first[1]["id"])
    # The key comes first.
    assert call(ann, "jobs", {**body, "more": 1}, Idempotency_Key="k")[0] == 422


def test_a_dry_run_says_that_it_is_taken(call, ann, bob):
    body = body_of({"client_reference": "A"})
    call(ann, "jobs", body)
    _, found = call(ann, "jobs:validate", body)
    assert not found["accepted"]
    error = found["errors"][0]
    assert (error["code"], error["pointer"]) == ("reference_taken", "#/client_reference")
    assert call(bob, "jobs:validate", body)[1]["accepted"]


def test_the_query_names_the_job_too_where_the_body_is_a_file(client, settings):
    settings.API_OPEN = True
    file = "store_id,visit_time,image_url\ns,noon,http://images.test/1.jpg\n"

    def send(query):
        return client.post(f"/api/v1/jobs?{query}", file, content_type="text/csv")

    job = send('client_reference=A&metadata={"route":"7"}').json()
    assert (job["client_reference"], job["metadata"]) == ("A", {"route": "7"})
    assert send("client_reference=A").status_code == 409
    refused = send('client_reference=&metadata={"route":7}').json()
    assert [each["parameter"] for each in refused["errors"]] == ["client_reference", "metadata"]
    assert send("metadata={").json()["errors"][0]["detail"].startswith("metadata is no JSON")


@pytest.fixture
def found(call, ann, bob):
    """A job of each owner with the same references, and one of ann's with others."""
    said = {"client_reference": "A", "metadata": {"route": "7", "shift": "a:b"}}
    jobs = [call(user, "jobs", body_of(said))[1]["id"] for user in (ann, bob)]
    jobs += [call(ann, "jobs", body_of({"client_reference": "B", "metadata": {"route": "8"}}))[1]["id"]]
    return jobs


QUERIES = ["client_reference=A", "metadata=route:7", "metadata=shift:a:b", "client_reference=A&metadata=route:7"]


@pytest.mark.parametrize("query", QUERIES)
def test_jobs_and_visits_are_found_by_them_and_nobody_finds_anothers(call, ann, bob, found, query):
    of_ann, of_bob, _ = found
    chief = make_staff("view_job")
    for user, jobs in ((ann, [of_ann]), (bob, [of_bob]), (chief, [of_bob, of_ann])):
        assert [each["id"] for each in results(call, user, f"jobs?{query}")] == jobs
        visits = results(call, user, f"visits?{query}")
        assert [each["job_id"] for each in visits] == sorted(jobs)
        assert {each["client_reference"] for each in visits} == {"A"}


@pytest.mark.parametrize("query", ["client_reference=C", "metadata=route:9", "metadata=other:7", "metadata=route:"])
def test_what_nobody_said_is_not_found(call, ann, found, query):
    assert results(call, ann, f"jobs?{query}") == results(call, ann, f"visits?{query}") == []


def test_images_are_found_in_their_job_alone(call, ann, bob, found):
    of_ann, of_bob, other = found
    (image,) = results(call, ann, f"jobs/{of_ann}/images?client_reference=A")
    assert image["client_reference"] == "A"
    assert ImageResult.objects.get(pk=image["id"]).job_id == of_ann
    assert results(call, ann, f"jobs/{other}/images?client_reference=A") == []
    assert call(ann, f"jobs/{of_bob}/images?client_reference=A")[0] == 404


def test_visits_are_found_by_who_made_them(call, ann, bob):
    visits = [{**visit("s"), "visited_by": name, "metadata": {"route": name}} for name in ("x", "xx", "x", "", "X")]
    call(ann, "jobs", submission(*visits))
    ids = list(Visit.objects.order_by("pk").values_list("pk", flat=True))
    assert [each["id"] for each in results(call, ann, "visits?visited_by=x")] == [ids[0], ids[2]]
    _, page = call(ann, "visits?visited_by=x&limit=1")
    assert [each["id"] for each in page["results"]] == ids[:1]
    more = results(call, ann, f"visits?visited_by=x&limit=1&cursor={page['next_cursor']}")
    assert [each["id"] for each in more] == [ids[2]]
    assert results(call, bob, "visits?visited_by=x") == []
    assert [each["id"] for each in results(call, ann, "visits?visited_by=x&metadata=route:x")] == [ids[0], ids[2]]


@pytest.mark.parametrize("path", ["jobs", "visits"])
@pytest.mark.parametrize("value", ["route", ":7", "n" * 65 + ":7", "n:" + "x" * 501])
def test_a_pair_is_written_with_a_colon_and_within_the_bounds(call, ann, path, value):
    status, problem = call(ann, f"{path}?metadata={value}")
    assert status == 400
    assert problem["errors"][0]["parameter"] == "metadata"
    assert results(call, ann, f"{path}?metadata={'n' * 64}:{'x' * 500}") == []


@pytest.mark.parametrize("path", ["jobs", "visits", "jobs/1/images"])
def test_a_reference_in_a_query_has_as_many_characters_as_one_may_have(call, ann, path):
    for reference in ("", "x" * 129):
        status, problem = call(ann, f"{path}?client_reference={reference}")
        assert (status, problem["errors"][0]["parameter"]) == (400, "client_reference")


@pytest.mark.parametrize("path", ["jobs", "visits", "images"])
def test_a_page_ends_early_where_its_rows_have_much_metadata(call, ann, monkeypatch, path):
    monkeypatch.setattr(pages, "MOST_METADATA", 12)
    said = {"metadata": {"name": "12"}}  # 6 characters
    for _ in range(3):
        _, job = call(ann, "jobs", submission({**visit("s"), **said}, **said))
    if path == "images":
        images = [{"url": f"http://images.test/{number}", **said} for number in range(3)]
        _, job = call(ann, "jobs", submission(visit("s", *images)))
        path = f"jobs/{job['id']}/images"
    seen, cursor, sizes = [], "", []
    while cursor is not None:
        _, page = call(ann, f"{path}?limit=3{cursor and f'&cursor={cursor}'}")
        seen += [each["id"] for each in page["results"]]
        sizes.append(len(page["results"]))
        cursor = page["next_cursor"]
    assert sizes[:2] == [2, 1 if path != "jobs" or len(sizes) == 2 else 2]
    assert len(seen) == len(set(seen)) == 3
    monkeypatch.setattr(pages, "MOST_METADATA", 1)
    _, page = call(ann, path)
    assert len(page["results"]) == 1
    assert page["next_cursor"]
