"""What would happen if this were submitted?"""

import ipaddress
import json
import socket
from dataclasses import asdict

import pytest
from django.contrib.auth.models import User

from jobs.models import ImageResult, Job
from jobs.submission.dry_run import dry_run
from jobs.submission.groups import MAX_LISTED, MAX_PLACES
from jobs.submission.payload import MAX_PROBLEMS
from jobs.submission.plan import VisitPayload
from jobs.submission.submit import submit
from tests.factories import KNOWN_STORE, make_stores, make_worker, submit_job

pytestmark = pytest.mark.django_db

DATE = "2026-11-25"


@pytest.fixture(autouse=True)
def _stores(settings):
    make_stores(KNOWN_STORE)
    settings.FETCH_ALLOW_CIDRS = []
    settings.FETCH_ALLOW_PORTS = [range(80, 81), range(443, 444)]


def body(*visits, **more):
    return {"count": len(visits), "visits": list(visits), **more}


def visit(*urls, store_id=KNOWN_STORE, time=DATE, **more):
    return {"store_id": store_id, "visit_time": time, "image_url": list(urls) or ["http://a.test/1.jpg"], **more}


def warned(found):
    return [warning.code for warning in found.warnings]


def listed(groups):
    return [(group.subject, group.count, group.places) for group in groups.listed]


def test_a_valid_body_is_accepted_without_warnings():
    make_worker()
    found = dry_run(body(visit("http://a.test/1", "https://b.test/2"), visit(time="2026-11-26")), None)
    assert (found.accepted, found.errors, found.warnings) == (True, [], [])
    assert asdict(found.numbers) == {"visits": 2, "images": 3, "stores": 1, "hosts": 2}


def test_nothing_is_stored():
    dry_run(body(visit(), visit(store_id="nowhere")), None)
    assert not Job.objects.exists()
    assert not ImageResult.objects.exists()


def test_every_error_is_listed_with_its_place_and_the_rest_is_still_checked():
    data = {"count": 4, "visits": [visit(), {"store_id": ""}, visit(store_id="nowhere"), 7]}
    found = dry_run(data, None)
    assert not found.accepted
    assert [(error.code, error.path) for error in found.errors] == [
        ("invalid", ("visits", 1, "store_id")),
        ("invalid", ("visits", 1, "image_url")),
        ("invalid", ("visits", 1, "visit_time")),
        ("invalid", ("visits", 3)),
    ]
    assert found.errors[1].message == "visits[1].image_url is missing."
    assert (found.numbers.visits, found.numbers.images) == (2, 2)
    assert listed(found.unknown_stores) == [("nowhere", 1, ["visits[2]"])]


@pytest.mark.parametrize("data", [None, [], "text", 7, {}, {"visits": "x"}, {"visits": []}, {"visits": [[]]}])
def test_whatever_the_body_is_the_answer_says_what_is_wrong(data):
    found = dry_run(data, None)
    assert found.errors
    assert found.numbers.images == 0


def test_at_most_max_problems_are_listed():
    wrong = [{}] * MAX_PROBLEMS
    found = dry_run(body(visit(), *wrong, visit()), None)
    assert len(found.errors) == MAX_PROBLEMS
    assert found.numbers.visits == 1


def test_unknown_stores_are_listed_with_their_images_the_most_first():
    found = dry_run(
        body(visit(store_id="few"), visit("http://a.test/1", "http://a.test/2", store_id="many"), visit()), None
    )
    assert listed(found.unknown_stores) == [("many", 2, ["visits[1]"]), ("few", 1, ["visits[0]"])]
    assert (found.unknown_stores.total, found.unknown_stores.count) == (2, 3)
    assert "unknown_stores" in warned(found)
    assert found.accepted


def test_a_long_list_is_cut_off_but_counted_in_full():
    stores = [visit(store_id=f"X{number}") for number in range(MAX_LISTED + 1)]
    found = dry_run(body(*stores), None).unknown_stores
    assert (len(found.listed), found.total, found.count) == (MAX_LISTED, MAX_LISTED + 1, MAX_LISTED + 1)


def test_a_repeated_url_is_listed_with_its_places():
    found = dry_run(
        body(visit("http://a.test/1", "http://a.test/2"), visit("http://a.test/1", time="2026-11-26")), None
    )
    places = ["visits[0].image_url[0]", "visits[1].image_url[0]"]
    assert listed(found.repeated_urls) == [("http://a.test/1", 2, places)]
    assert "repeated_urls" in warned(found)


def test_only_the_first_places_are_listed():
    found = dry_run(body(visit(*["http://a.test/1"] * (MAX_PLACES + 1))), None).repeated_urls
    assert (found.listed[0].count, len(found.listed[0].places)) == (MAX_PLACES + 1, MAX_PLACES)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (DATE, DATE, True),
        ("2026-11-25T10:00:00Z", "2026-11-25T12:00:00+02:00", True),
        (DATE, "2026-11-26", False),
        ("noon", "noon", True),
        ("noon", "Noon", False),
    ],
)
def test_a_visit_is_the_same_by_its_store_and_instant(first, second, same):
    found = dry_run(body(visit("http://a.test/1", time=first), visit("http://a.test/2", time=second)), None)
    assert ("repeated_visits" in warned(found)) is same
    assert found.repeated_visits.count == (2 if same else 0)
    if same:
        assert listed(found.repeated_visits) == [(f"{KNOWN_STORE} at {first}", 2, ["visits[0]", "visits[1]"])]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://a.test/", "Only http and https URLs are fetched."),
        ("a.test/1.jpg", "The URL does not begin with http:// or https://."),
        ("http://a.test:8080/", "Port 8080 is not one that this service fetches from."),
        ("http://10.1.2.3/", "10.1.2.3 is at an address that this service does not fetch from."),
        ("http://[::1]/", "::1 is at an address that this service does not fetch from."),
        ("http://169.254.169.254/", "169.254.169.254 is at an address that this service does not fetch from."),
    ],
)
def test_a_url_that_is_refused_without_a_fetch_is_listed_with_the_guards_reason(url, sentence):
    found = dry_run(body(visit("http://a.test/1", url)), None)
    assert listed(found.refused_urls) == [(sentence, 1, ["visits[0].image_url[1]"])]
    assert "refused_urls" in warned(found)
    assert (found.accepted, found.numbers.hosts) == (True, 1)


def test_an_address_that_the_settings_open_is_not_refused(settings):
    settings.FETCH_ALLOW_CIDRS = [ipaddress.ip_network("10.0.0.0/8")]
    assert dry_run(body(visit("http://10.1.2.3/", "http://8.8.8.8/")), None).refused_urls.count == 0


def test_a_name_is_not_resolved(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: pytest.fail("resolved"))
    assert dry_run(body(visit("http://localhost/")), None).refused_urls.count == 0


def test_the_pending_limit_is_that_of_the_submission(settings):
    settings.MAX_PENDING_IMAGES = 3
    submit_job(2)
    owner = User.objects.create(username="anna")
    two = body(visit("http://a.test/1", "http://a.test/2"), visit(store_id="nowhere"))
    [error] = dry_run(two, None).errors
    assert error.code == "too_many_pending"
    assert "2 of your images are still pending and this job has 2" in error.message
    assert dry_run(two, owner).accepted
    one = body(visit(), visit(store_id="nowhere"))
    assert dry_run(one, None).accepted
    submit([VisitPayload(KNOWN_STORE, DATE, None, ["http://a.test/1"])])


def test_the_duration_is_estimated_if_a_worker_is_alive(settings):
    settings.GPU_MIN_SECONDS = settings.GPU_MAX_SECONDS = 0.3
    eight = body(visit(*[f"http://a.test/{number}" for number in range(8)], "ftp://a.test"), visit(store_id="nowhere"))
    found = dry_run(eight, None)
    assert found.seconds is None
    assert "no_worker" in warned(found)
    make_worker()
    found = dry_run(eight, None)
    # 4 slots, 0.3 s for the model and 0.1 s for a download.
    assert found.seconds == pytest.approx(0.8)
    assert "no_worker" not in warned(found)


def test_a_time_that_is_not_a_date_is_a_warning():
    found = dry_run(body(visit(time="time of store visit"), visit()), None)
    assert listed(found.undated_visits) == [("time of store visit", 1, ["visits[0].visit_time"])]
    assert "undated_visits" in warned(found)


@pytest.mark.parametrize(
    ("more", "in_visit", "sentence"),
    [
        ({"onError": "stop_store"}, {}, "onError is ignored; did you mean on_error?"),
        ({}, {"storeid": "x"}, "visits[0].storeid is ignored; did you mean store_id?"),
        ({}, {"image_urls": []}, "visits[0].image_urls is ignored; did you mean image_url?"),
        ({}, {"VISIT-TIME": ""}, "visits[0].VISIT-TIME is ignored; did you mean visit_time?"),
    ],
)
def test_a_key_that_looks_like_one_of_ours_is_a_warning(more, in_visit, sentence):
    found = dry_run(body(visit(**in_visit), **more), None)
    assert [warning.message for warning in found.warnings if warning.code == "misspelled_key"] == [sentence]
    assert found.accepted


@pytest.mark.parametrize("key", ["note", "client", "x", "s" * 100, "photographer", ""])
def test_any_other_key_is_ignored_silently(key):
    assert dry_run(body(visit(**{key: 1}), **{key: 1}), None).misspellings == []


def test_a_misspelled_key_in_many_visits_is_listed_once():
    found = dry_run(body(visit(storeid=1), visit(storeid=1)), None)
    assert [str(each) for each in found.misspellings] == [
        "visits[0].storeid (in 2 places) is ignored; did you mean store_id?"
    ]


def test_the_result_can_be_json():
    document = json.loads(json.dumps(asdict(dry_run(body(visit("x"), visit(store_id="y"), {}), None))))
    assert document["errors"][0]["path"] == ["visits", 2, "store_id"]
    assert document["unknown_stores"]["listed"] == [{"subject": "y", "count": 1, "places": ["visits[1]"]}]


def test_it_takes_four_queries_whatever_the_size(django_assert_num_queries):
    make_worker()
    data = body(*[visit(f"http://a.test/{n}", store_id=f"X{n % 7}", time=f"day {n % 5}") for n in range(500)])
    with django_assert_num_queries(4):
        dry_run(data, None)


def test_store_ids_of_which_a_spreadsheet_made_something_else_are_warned_of_with_the_reason():
    ids = ["8.90123E+11", '="000123"', "#N/A", "'000123", " T-1", "8.90123E+11", KNOWN_STORE]
    found = dry_run(body(*[visit(store_id=each) for each in ids]), None)
    assert found.accepted
    assert "doubtful_stores" in warned(found)
    assert listed(found.doubtful_stores) == [
        ("'8.90123E+11' is a number that a spreadsheet shortened: its last digits are lost", 2,
         ["visits[0].store_id", "visits[5].store_id"]),
        ("'=\"000123\"' holds a formula instead of a value", 1, ["visits[1].store_id"]),
        ("'#N/A' is a spreadsheet's error value", 1, ["visits[2].store_id"]),
        ('"\'000123" begins with a quotation mark', 1, ["visits[3].store_id"]),
        ("' T-1' begins or ends with white space", 1, ["visits[4].store_id"]),
    ]  # fmt: skip


def test_characters_that_cannot_be_seen_are_warned_of_and_shown():
    found = dry_run(body(visit("http://a.test/\u200b1", store_id="T\u202e-1")), None)
    assert found.accepted
    assert "invisible_characters" in warned(found)
    assert listed(found.invisible_characters) == [
        ("holds the invisible character U+202E at position 2: 'T<U+202E>-1'", 1, ["visits[0].store_id"]),
        ("holds the invisible character U+200B at position 15: 'http://a.test/<U+200B>1'", 1,
         ["visits[0].image_url[0]"]),
    ]  # fmt: skip


@pytest.mark.parametrize("between", [",", ", ", ";", "|", " | ", " ", "\u00a0", ",https://b.test/x?y=1;"])
def test_several_urls_in_one_text_are_warned_of(between):
    url = f"http://a.test/1{between}http://a.test/2"
    found = dry_run(body(visit(url, "http://a.test/?u=http://b.test/", "http://a.test/1,2;3")), None)
    assert "several_urls" in warned(found)
    assert listed(found.several_urls) == [(url, 1, ["visits[0].image_url[0]"])]


@pytest.mark.parametrize(
    ("times", "sentences"),
    [
        (
            ["someday"],
            {
                "1 image of 1 store not in the store master will fail.",
                "1 visit has a time that is no date; filters by date leave such out.",
                "1 visit has a store id that is probably not as meant.",
            },
        ),
        (
            ["someday", "later"],
            {
                "2 images of 1 store not in the store master will fail.",
                "2 visits have a time that is no date; filters by date leave such out.",
                "2 visits have a store id that is probably not as meant.",
            },
        ),
    ],
)
def test_warnings_speak_of_one_and_of_several(times, sentences):
    visits = [visit(f"http://a.test/{time}", store_id="#N/A", time=time) for time in times]
    assert sentences <= {warning.message for warning in dry_run(body(*visits), None).warnings}
