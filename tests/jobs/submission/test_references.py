"""Clients' own ids of jobs, visits and images: what JSON takes, whose they are, and who wins of two at once."""

import json

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from jobs import actions
from jobs.deletion import slices
from jobs.models import ImageDetails, ImageResult, Job, Visit, VisitReference
from jobs.submission import references
from jobs.submission.dry_run import dry_run
from jobs.submission.payload import (
    IMAGE_RULE,
    METADATA_RULE,
    METADATA_VALUE_RULE,
    REFERENCE_RULE,
    URL_RULE,
    InvalidPayload,
    parse_submission,
)
from jobs.submission.references import ReferenceTaken
from jobs.submission.submit import IdempotencyToken, KeyReused, submit
from jobs.submission.typos import find_misspellings
from tests.api.payloads import submission, visit
from tests.factories import make_stores
from tests.jobs.queue.concurrently import Concurrent, blocked
from tests.waiting import wait_for

TEN = {f"name {number}": "x" * 500 for number in range(10)}
UNREADABLE = [None, 7, "", "x" * 129, "a\nb", "a\x7f", ["a"]]


def image(url="http://images.test/1.jpg", **more):
    return {"url": url, **more}


def send(body, owner=None, **more):
    payload = parse_submission(body)
    return submit(payload.visits, owner=owner, details=payload.details, **more)


def job_of(body, owner=None):
    """A stored job; its store is unknown, so that it has ended."""
    return Job.objects.get(pk=send(body, owner).job_id)


def problems(body, **how):
    with pytest.raises(InvalidPayload) as refused:
        parse_submission(body, **how)
    return [problem.sentence for problem in refused.value.problems]


def taken(body, owner=None, **more):
    with pytest.raises(ReferenceTaken) as refused:
        send(body, owner, **more)
    return refused.value.taken


@pytest.mark.parametrize("reference", ["a", "x" * 128, " 7 ", "caf\u00e9 \u5e97", "'"])
def test_a_job_a_visit_and_an_image_may_have_the_clients_own_id(reference):
    said = {"client_reference": reference}
    payload = parse_submission(submission({**visit("s", "u", image(**said)), **said}, **said))
    (parsed,) = payload.visits
    assert payload.details.client_reference == parsed.client_reference == reference
    assert parsed.image_urls == ["u", "http://images.test/1.jpg"]
    assert {place: each.client_reference for place, each in parsed.images.items()} == {1: reference}


@pytest.mark.parametrize("reference", UNREADABLE)
def test_any_other_id_is_refused_with_its_place(reference):
    said = {"client_reference": reference}
    assert problems(submission({**visit("s", image(**said)), **said}, **said)) == [
        f"client_reference {REFERENCE_RULE}",
        f"visits[0].image_url[0].client_reference {REFERENCE_RULE}",
        f"visits[0].client_reference {REFERENCE_RULE}",
    ]


@pytest.mark.parametrize("metadata", [{}, {"route": "7"}, {"n" * 64: ""}, TEN])
def test_a_job_and_an_image_may_have_metadata(metadata):
    payload = parse_submission(submission(visit("s", image(metadata=metadata)), metadata=metadata))
    assert (payload.details.metadata or {}) == metadata
    assert (payload.visits[0].images or {}) == ({0: payload.details} if metadata else {})


@pytest.mark.parametrize(
    ("metadata", "place", "rule"),
    [
        (None, "", METADATA_RULE),
        ({**TEN, "eleven": ""}, "", METADATA_RULE),
        ({"n" * 65: "x"}, "", METADATA_RULE),
        ({"x": "x" * 501}, ".x", METADATA_VALUE_RULE),
        ({"x": 7}, ".x", METADATA_VALUE_RULE),
    ],
)
def test_other_metadata_is_refused_with_its_place(metadata, place, rule):
    assert problems(submission(visit("s", "u", image(metadata=metadata)), metadata=metadata)) == [
        f"metadata{place} {rule}",
        f"visits[0].image_url[1].metadata{place} {rule}",
    ]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "[0].url is missing"),
        ({"url": ""}, f"[0].url {URL_RULE}"),
        ({"url": ["u"]}, f"[0].url {URL_RULE}"),
        ("", f"[0] {URL_RULE}"),
        (7, f"[0] {IMAGE_RULE}"),
        (["u"], f"[0] {IMAGE_RULE}"),
    ],
)
def test_an_image_is_a_url_or_an_object_with_one(given, sentence):
    body = submission({"store_id": "s", "visit_time": "noon", "image_url": [given]})
    assert problems(body) == [f"visits[0].image_url{sentence}"]


def test_no_two_visits_and_no_two_images_of_a_submission_have_the_same_id():
    first = {**visit("s", image(client_reference="A")), "client_reference": "A"}
    second = {**visit("s", image(client_reference="B"), image(client_reference="A")), "client_reference": "A"}
    assert problems(submission(first, second, client_reference="A")) == [
        "visits[1].image_url[1].client_reference is that of visits[0].image_url[0], too",
        "visits[1].client_reference is that of visits[0], too",
    ]


def test_at_most_a_hundred_problems_are_listed():
    images = [image(client_reference="A", metadata={"x": 7}) for _ in range(200)]
    assert len(problems(submission(visit("s", *images)))) == 100


def test_misspelt_keys_of_images_are_noticed():
    found = find_misspellings(submission(visit("s", "u", image(client_refrence="A", note="x")), client_ref="A"))
    assert [str(each) for each in found] == [
        "client_ref is ignored; did you mean client_reference?",
        "visits[0].image_url[1].client_refrence is ignored; did you mean client_reference?",
    ]


def test_to_the_assignments_endpoints_they_are_unknown_keys_and_an_object_is_no_url():
    said = {"client_reference": 7, "metadata": 7}
    payload = parse_submission(submission({**visit("s", "u"), **said}, **said), with_details=False)
    assert payload.details == parse_submission(submission(visit("s", "u"))).details
    body = submission(visit("s", image()), **said)
    assert problems(body, with_details=False) == [f"visits[0].image_url[0] {URL_RULE}"]


@pytest.mark.parametrize("said", [{"client_reference": "A", "metadata": {"a": "b"}}, {"client_reference": 7}])
@pytest.mark.django_db
def test_the_assignments_endpoint_stores_none_of_them(client, settings, said):
    settings.API_OPEN = True
    for _ in range(2):
        body = json.dumps(submission({**visit("unknown"), **said}, **said))
        assert client.post("/api/submit/", body, content_type="application/json").status_code == 201
    assert set(Job.objects.values_list("client_reference", flat=True)) == {""}
    assert not VisitReference.objects.exists()
    assert not ImageDetails.objects.exists()
    refused = client.post("/api/submit/", json.dumps(submission(visit("s", image()))), content_type="application/json")
    assert refused.json() == {"error": f"visits[0].image_url[0] {URL_RULE}."}


@pytest.mark.django_db
def test_they_are_stored_with_what_they_belong_to():
    job = job_of(
        submission(
            {**visit("s", "u", image("v", client_reference="I-2")), "client_reference": "V-1"},
            visit("t", "w"),
            {**visit("s", image("x", metadata={"a": "b"}), image("y")), "client_reference": "V-0"},
            client_reference="J",
            metadata={"route": "7"},
        )
    )
    assert (job.client_reference, job.metadata) == ("J", {"route": "7"})
    visits = Visit.objects.order_by("pk").values_list("store_id", "reference__client_reference")
    assert list(visits) == [("s", "V-1"), ("t", None), ("s", "V-0")]
    images = ImageResult.objects.order_by("pk").values_list("url", "details__client_reference", "details__metadata")
    assert list(images) == [
        ("u", None, None), ("v", "I-2", None), ("w", None, None), ("x", "", {"a": "b"}), ("y", None, None),
    ]  # fmt: skip


BODY = submission({**visit("s", "u", image(client_reference="A")), "client_reference": "A"}, client_reference="A")


@pytest.mark.parametrize("is_anonymous", [True, False])
@pytest.mark.django_db
def test_each_belongs_to_one_of_an_owners_at_a_time_and_the_refusal_names_it(is_anonymous):
    owner, other = (None if is_anonymous else User.objects.create_user("ann")), User.objects.create_user("bob")
    first = send(BODY, owner).job_id
    assert send(BODY, other).job_id != first
    found = taken(BODY, owner)
    assert [each.sentence for each in found] == [
        f"client_reference 'A' is that of job {first}",
        f"visits[0].client_reference 'A' is that of visit {Visit.objects.get(job=first).pk} of job {first}",
        "visits[0].image_url[1].client_reference 'A' is that of image "
        f"{ImageResult.objects.filter(job=first).last().pk} of job {first}",
    ]
    assert Job.objects.count() == 2


@pytest.mark.parametrize("kind", ["job", "visit", "image"])
@pytest.mark.django_db
def test_of_each_kind_alone_too(kind):
    body = {
        "job": submission(visit("s"), client_reference="A"),
        "visit": submission({**visit("s"), "client_reference": "A"}),
        "image": submission(visit("s", image(client_reference="A"))),
    }
    first = send(body[kind]).job_id
    assert [each.job_id for each in taken(body[kind])] == [first]
    for other in body.keys() - {kind}:
        send(body[other])


@pytest.mark.django_db
def test_no_reference_is_taken_by_those_without_one_whatever_else_they_say():
    for _ in range(2):
        send(submission(visit("s", image(metadata={"a": "b"})), metadata={"a": "b"}))
    assert ImageDetails.objects.count() == 2


@pytest.mark.django_db
def test_at_most_a_hundred_that_are_taken_are_named_in_the_order_of_the_body():
    visits = [{**visit("s"), "client_reference": f"V-{number}"} for number in range(101)]
    first = send(submission(*visits)).job_id
    found = taken(submission(*reversed(visits), client_reference="new"))
    assert len(found) == 100
    assert [each.path[1] for each in found] == sorted(each.path[1] for each in found)
    with pytest.raises(ReferenceTaken, match=rf"of job {first} \(and at least 99 more\)\.$"):
        send(submission(*visits))
    with pytest.raises(ReferenceTaken, match=rf"of job {first}\.$"):
        send(submission(visits[0]))
    with pytest.raises(ReferenceTaken, match=rf"of job {first} \(and 1 more\)\.$"):
        send(submission(*visits[:2]))


@pytest.mark.django_db
def test_a_dry_run_says_which_are_taken():
    ann = User.objects.create_user("ann")
    first = send(BODY, ann).job_id
    assert dry_run(BODY, None).accepted
    found = dry_run(BODY, ann)
    assert [(each.code, each.path[-1]) for each in found.errors] == [("reference_taken", "client_reference")] * 3
    assert f"client_reference 'A' is that of job {first}." in [each.message for each in found.errors]


@pytest.mark.django_db
def test_the_same_key_and_body_are_the_same_job_and_another_key_is_told_of_it():
    key, other = IdempotencyToken("k", "body"), IdempotencyToken("l", "body")
    first = send(BODY, idempotency=key)
    again = send(BODY, idempotency=key)
    assert (again.job_id, again.replayed) == (first.job_id, True)
    assert taken(BODY, idempotency=other)[0].job_id == first.job_id
    with pytest.raises(KeyReused):
        send(BODY, idempotency=IdempotencyToken("k", "another body"))


def delete(job_id):
    actions.delete(job_id, None)


@pytest.mark.django_db
def test_a_job_that_is_deleted_leaves_its_references_to_others_at_once():
    ann = User.objects.create_user("ann")
    first, of_ann = send(BODY).job_id, send(BODY, ann).job_id
    delete(first)
    assert dry_run(BODY, None).accepted
    second = send(BODY).job_id
    # Its rows are still there, and those of others stay.
    assert Visit.objects.filter(job=first).exists()
    assert set(VisitReference.objects.values_list("visit__job", flat=True)) == {second, of_ann}
    assert set(ImageDetails.objects.values_list("image__job", flat=True)) == {second, of_ann}


@pytest.mark.django_db
def test_they_are_deleted_with_their_job(monkeypatch):
    monkeypatch.setattr(slices, "GRACE_SECONDS", -1)
    kept = send(BODY, User.objects.create_user("ann")).job_id
    delete(send(submission(visit("s", image(metadata={"a": "b"})), visit("t"))).job_id)
    delete(send(BODY).job_id)
    while slices.delete_slice(wait=True):
        pass
    assert set(VisitReference.objects.values_list("visit__job", flat=True)) == {kept}
    assert set(ImageDetails.objects.values_list("image__job", flat=True)) == {kept}


def at_once(body, key=None):
    """What the second of two submissions comes to that waits for the first one to commit, and that one's job."""
    token = key and IdempotencyToken(key, "body")

    def second():
        try:
            return send(body, idempotency=token)
        except ReferenceTaken as refused:
            return refused.taken

    with transaction.atomic():
        first = send(body, idempotency=token).job_id
        waiting = Concurrent(second)
        wait_for(blocked)
    return first, waiting.ended()


KINDS = [
    submission(visit("s"), client_reference="A"),
    submission({**visit("s"), "client_reference": "A"}),
    submission(visit("s", image(client_reference="A"))),
]


@pytest.mark.parametrize("body", KINDS, ids=["job", "visit", "image"])
@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_is_stored_and_the_other_told_of_it(body):
    first, found = at_once(body)
    assert [each.job_id for each in found] == [first]
    assert Job.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_with_the_same_key_the_other_is_a_replay():
    first, found = at_once(BODY, "k")
    assert (found.job_id, found.replayed) == (first, True)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_with_their_references_in_another_order_wait_in_no_circle():
    visits = [{**visit("s", image(client_reference=name)), "client_reference": name} for name in "BCA"]
    rows = [references.visit_rows(None, parse_submission(submission(*each)).visits, range(3)) for each in
            (visits, visits[::-1])]  # fmt: skip
    assert [[row[0] for row in each] for each in rows] == [["A", "B", "C"]] * 2
    with transaction.atomic():
        first = send(submission(*visits)).job_id

        def second():
            try:
                send(submission(*reversed(visits)))
            except ReferenceTaken as refused:
                return refused.taken

        waiting = Concurrent(second)
        wait_for(blocked)
    assert {each.job_id for each in waiting.ended()} == {first}


@pytest.mark.django_db(transaction=True)
def test_a_reference_whose_row_is_being_deleted_is_waited_for():
    first = send(KINDS[1]).job_id
    delete(first)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM jobs_visitreference")
        waiting = Concurrent(lambda: send(KINDS[1]))
        wait_for(blocked)
    assert waiting.ended().job_id != first


@pytest.mark.django_db
def test_a_submission_without_any_asks_for_none_of_them():
    def statements(*visits):
        with CaptureQueriesContext(connection) as asked:
            send(submission(*visits))
        return [query["sql"] for query in asked.captured_queries]

    make_stores("s")
    without = statements(visit("s", "u"))
    assert not any("jobs_visitreference" in each or "jobs_imagedetails" in each for each in without)
    # The ids of the images, and what is said of one.
    assert len(statements(visit("s", image(client_reference="A")))) == len(without) + 2


@pytest.mark.parametrize(
    ("model", "name"), [(Job, "job_reference_once_per_owner"), (ImageDetails, "image_reference_once_per_owner")]
)
@pytest.mark.django_db
def test_the_indexes_that_a_migration_made_beside_the_service_are_what_the_models_say(model, name):
    def definition():
        with connection.cursor() as cursor:
            cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [name])
            return cursor.fetchone()[0]

    made = definition()
    (constraint,) = (each for each in model._meta.constraints if each.name == name)
    with connection.schema_editor() as editor:
        editor.remove_constraint(model, constraint)
        editor.add_constraint(model, constraint)
    assert definition() == made
