"""Does the published schema refuse what the parser refuses, and nothing else?"""

import copy
import random

import pytest
from jsonschema import Draft202012Validator

from api.v1 import submission_schema
from jobs.submission.payload import MAX_STORE_ID, MAX_URL, MAX_VISIT_TIME, InvalidPayload
from tests.api.payloads import submission, visit

VALUES: list = [
    None, True, False, 0, 1, 2, -9, 9, 10, -10, 1.5, "", "x", "continue", "stop_store", [], ["x"], {}, "\n", "\x9f",
    "é" * MAX_STORE_ID, "é" * (MAX_STORE_ID + 1), "x" * MAX_VISIT_TIME, "x" * (MAX_VISIT_TIME + 1),
    {"a": "x" * 500}, {"a": "x" * 501}, {"a": 7}, {"a": "\n"}, {"": ""}, {"k" * 64: ""}, {"k" * 65: ""}, {"\x7f": ""},
    dict.fromkeys("abcdefghij", ""), dict.fromkeys("abcdefghijk", ""),
    ["x" * MAX_URL], ["x" * (MAX_URL + 1)], ["\x7f"], ["\x1f"], ["\n"], ["\u2028"],
    ["😀" * MAX_URL], [["x"]], [None], [""],
]  # fmt: skip


@pytest.fixture(scope="module")
def validator():
    schema = {"$schema": submission_schema.DIALECT, **submission_schema.with_priority()}
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def is_read(body):
    try:
        submission_schema.read(copy.deepcopy(body))
    except InvalidPayload:
        return False
    return True


def disagreed(validator, *bodies):
    return [body for body in bodies if validator.is_valid(body) != is_read(body)]


@pytest.mark.parametrize("key", ["count", "visits", "on_error", "priority", "client_reference", "metadata", "more"])
def test_they_agree_on_every_value_of_every_key(validator, key):
    # No schema can say that count is the number of visits.
    values = [value for value in VALUES if key != "count" or type(value) is not int or value <= 1]
    assert disagreed(validator, *({**submission(), key: value} for value in values)) == []


CALLBACK_VALUES: list = [
    "https://a.example/", "https://a.example/\n", "https://a.example/".ljust(2049, "x"), ["job.ended"],
    ["job.ended", "job.ended"], ["stores.imported"], "whsec_" + "A" * 32, "whsec_" + "A" * 31,
    "whsec_" + "A" * 32 + "\n", "whsec_" + "A" * 86 + "==", "whsec_" + "A" * 87 + "=", "whsec_" + "A" * 88,
]  # fmt: skip


@pytest.mark.parametrize("key", ["callback_url", "callback_secret", "callback_events"])
def test_they_agree_on_every_value_of_a_callback(validator, key):
    bodies = [{**submission(), "callback_url": "https://a.example/", key: value} for value in VALUES + CALLBACK_VALUES]
    # No schema can say which addresses are sent to.
    if key == "callback_url":
        bodies = [body for body in bodies if not is_refused_for_its_address(validator, body)]
    assert disagreed(validator, *bodies) == []


def is_refused_for_its_address(validator, body):
    url = body["callback_url"]
    return isinstance(url, str) and validator.is_valid(body) and not url.startswith("https")


@pytest.mark.parametrize(
    "key", ["store_id", "image_url", "visit_time", "visited_by", "metadata", "client_reference", "more"]
)
def test_they_agree_on_every_value_of_a_visit(validator, key):
    assert disagreed(validator, *(submission({**visit(), key: value}) for value in VALUES)) == []


@pytest.mark.parametrize("key", ["url", "metadata", "client_reference", "more"])
def test_they_agree_on_every_value_of_an_image(validator, key):
    images = [{"url": "http://images.test/1.jpg", key: value} for value in VALUES]
    assert disagreed(validator, *(submission({**visit(), "image_url": [image]}) for image in images)) == []


@pytest.mark.parametrize("key", ["count", "visits", "store_id", "image_url", "visit_time"])
def test_they_agree_on_what_may_be_missing(validator, key):
    body = submission()
    body.pop(key, None)
    body.get("visits", [{}])[0].pop(key, None)
    assert disagreed(validator, body) == []


def test_they_agree_on_random_changes(validator):
    chance = random.Random(7)
    for _ in range(2000):
        body = submission(*(visit() for _ in range(chance.randint(1, 3))))
        for _ in range(chance.randint(0, 3)):
            holder = chance.choice([body, *body["visits"]] if isinstance(body.get("visits"), list) else [body])
            if not isinstance(holder, dict):
                continue
            key = chance.choice(["visits", "on_error", "priority", "store_id", "image_url", "visit_time", "x"])
            holder[key] = copy.deepcopy(chance.choice(VALUES))
        if isinstance(body["visits"], list) and body["count"] != len(body["visits"]):
            continue
        assert disagreed(validator, body) == []


def test_what_the_schema_cannot_say_is_documented(validator):
    assert validator.is_valid({**submission(), "count": 2})
    assert validator.is_valid({**submission(), "count": 1.0})
    assert "cannot say" in submission_schema.__doc__


@pytest.mark.parametrize("body", [None, [], "x", 7, True, {}])
def test_they_agree_on_what_is_not_an_object(validator, body):
    assert disagreed(validator, body) == []


@pytest.mark.parametrize("end", ["", "/"])
def test_it_is_published(v1, end):
    response = v1.get(f"schemas/submission.json{end}")
    assert response["Content-Type"] == "application/schema+json"
    assert response.json()["$schema"] == submission_schema.DIALECT
    assert Draft202012Validator(response.json()).is_valid(submission_schema.EXAMPLE)
