"""Submit in the browser: by form, by file, by JSON; a dry run first, and once only."""

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs.models import ImageResult, Job
from tests.factories import KNOWN_STORE, make_stores
from tests.tables.files import workbook

pytestmark = pytest.mark.django_db

VISITS = ["store_id", "visit_time", "image_url"]
BODY = {"count": 1, "visits": [{"store_id": KNOWN_STORE, "visit_time": "today", "image_url": ["http://a.test/1"]}]}
FORM = {
    "way": "form",
    "store_id": KNOWN_STORE,
    "visit_time": "today",
    "image_urls": "http://a.test/1\n http://a.test/2\n",
}


@pytest.fixture(autouse=True)
def _stores(db):
    make_stores(KNOWN_STORE)


def send(page, act, **fields):
    return page.post("/submit/", {"act": act, **fields})


def upload(page, act, name, content):
    return send(page, act, way="file", file=SimpleUploadedFile(name, content))


@pytest.mark.parametrize("way", ["form", "file", "json", "other"])
def test_every_way_has_a_page(page, way):
    assert page.get("/submit/", {"way": way}).status_code == 200


def test_a_check_says_the_outcome_and_stores_nothing(page):
    answer = send(page, "check", **FORM)
    assert answer.context["result"].numbers.images == 2
    assert "Submit 2 images" in answer.text
    assert Job.objects.count() == 0


@pytest.mark.parametrize(
    "fields", [FORM, {"way": "json", "body": json.dumps(BODY)}, {"way": "file", "body": json.dumps(BODY)}]
)
def test_a_submission_leads_to_its_job(page, anna, fields):
    answer = send(page, "submit", **fields)
    job = Job.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/jobs/{job.pk}/")
    assert job.owner == anna


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("visits.csv", f"store_id,visit_time,image_url\n{KNOWN_STORE},today,http://a.test/1\n".encode()),
        ("visits.json", json.dumps(BODY).encode()),
    ],
)
def test_a_file_is_checked_shown_and_submitted(page, name, content):
    answer = upload(page, "check", name, content)
    shown = answer.context["text"]
    assert json.loads(shown)["visits"] == BODY["visits"]
    send(page, "submit", way="file", body=shown)
    assert ImageResult.objects.get().url == "http://a.test/1"


def test_a_file_too_long_to_be_corrected_in_place_is_chosen_again(page):
    rows = "".join(f"{KNOWN_STORE},today,http://a.test/{number}/{'x' * 200}\n" for number in range(1200))
    answer = upload(page, "check", "v.csv", b"store_id,visit_time,image_url\n" + rows.encode())
    assert (answer.context["text"], answer.context["result"].numbers.images) == ("", 1200)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"store_id,visit_time,image_url\nA,,http://a/1\n", "line 2"),
        (b"a;b;c\n", "semicolons"),
        (b"", "is empty"),
        (b'{"count": 1', "is not json"),
        (b"\x00\xff\xfe", "nul"),
    ],
)
def test_a_file_that_cannot_be_read_is_reported_with_its_place(page, content, said):
    answer = upload(page, "submit", "visits.csv", content)
    assert answer.status_code == 200
    assert said in " ".join(answer.context["unreadable"]).lower()
    assert Job.objects.count() == 0


@pytest.mark.parametrize("act", ["check", "submit"])
@pytest.mark.parametrize("body", ["", "{", "[]", '{"count": 2, "visits": []}', '{"a": NaN}', '"\\ud800"', "[" * 5000])
def test_what_would_be_refused_says_why_and_stays_on_the_page(page, act, body):
    answer = send(page, act, way="json", body=body)
    assert answer.status_code == 200
    assert "This would be refused" in answer.text or "This cannot be read" in answer.text
    assert Job.objects.count() == 0


def test_every_fault_is_listed_with_its_place(page):
    answer = send(page, "check", way="json", body='{"count": 1, "visits": [{"store_id": "", "image_url": []}]}')
    said = [error.message for error in answer.context["result"].errors]
    assert len(said) == 3
    assert all("visits[0]" in sentence for sentence in said)


def test_pressing_twice_submits_once(page):
    key = re.search(r'name="key" value="(page-\w+)"', page.get("/submit/").text)[1]
    for _ in range(2):
        send(page, "submit", key=key, **FORM)
    assert Job.objects.count() == 1


def test_a_key_that_came_with_another_body_submits_nothing_and_a_new_one_does(page):
    send(page, "submit", key="page-1", **FORM)
    answer = send(page, "submit", key="page-1", **{**FORM, "visit_time": "tomorrow"})
    assert answer.status_code == 200
    send(page, "submit", key=answer.context["key"], **{**FORM, "visit_time": "tomorrow"})
    assert Job.objects.count() == 2


def test_another_visit_keeps_what_is_filled_in(page):
    answer = send(page, "add", **FORM)
    assert [visit["store_id"] for visit in answer.context["visits"]] == [KNOWN_STORE, ""]
    assert "http://a.test/2" in answer.text


def test_visits_left_empty_are_left_out(page):
    many = {name: [FORM[name], "", " "] for name in ("store_id", "visit_time", "image_urls")}
    send(page, "submit", way="form", **many)
    assert Job.objects.get().visits.count() == 1


def test_the_policy_is_the_one_chosen(page):
    send(page, "submit", **FORM, on_error="stop_store")
    assert Job.objects.get().on_error == "stop_store"


@pytest.mark.parametrize("name", ["store_id", "visit_time", "image_urls", "on_error", "key", "body", "way", "act"])
def test_nul_and_odd_characters_break_nothing(page, name):
    for act in ("check", "submit"):
        assert page.post("/submit/", {"act": act, **FORM, name: "a\0\x85"}).status_code in (200, 302)


@pytest.mark.parametrize("raw", ["%00", "%ED%A0%BD", "%FF", "%0D%0A", "a" * 5000])
def test_nor_do_bytes_that_are_no_text(page, raw):
    sent = f"act=submit&way=form&store_id={raw}&visit_time={raw}&image_urls=http://a/{raw}"
    answer = page.post("/submit/", sent, content_type="application/x-www-form-urlencoded")
    assert answer.status_code in (200, 302)


def test_more_than_one_may_have_pending_is_reported(page, settings):
    settings.MAX_PENDING_IMAGES = 1
    answer = send(page, "submit", **FORM)
    assert "at most 1 may be pending" in answer.text
    assert Job.objects.count() == 0


def test_a_line_is_one_url_and_two_in_one_are_an_error_with_its_number(page):
    answer = send(page, "check", **{**FORM, "image_urls": "\n\n http://a.test/my photo.jpg \r\nhttp://a.test/2\r"})
    assert answer.context["result"].numbers.images == 2
    for between in (" ", ",", ", ", ";", "|", "\t"):
        answer = send(
            page, "submit", **{**FORM, "image_urls": f"http://a.test/1\nhttp://a.test/2{between}http://a.test/3"}
        )
        assert answer.context["unreadable"] == [
            "Visit 1, line 2 of the image URLs holds several; write one URL a line."
        ]  # fmt: skip
        assert "http://a.test/3" in answer.text
    assert Job.objects.count() == 0


def test_a_workbook_is_checked_and_submitted(page):
    content = workbook(
        ["x"], header=["Read me"], sheet="Notes", Visits=[VISITS, [KNOWN_STORE, "today", "http://a.test/1"]]
    )
    answer = upload(page, "check", "v.csv", content)
    (said,) = answer.context["unreadable"]
    assert said.startswith("Line 1: the header lacks store_id, visit_time, image_url; ")
    assert said.endswith("another sheet can be named (field Sheet): 'Visits'.")
    answer = send(page, "check", way="file", sheet="visits", file=SimpleUploadedFile("v.csv", content))
    assert answer.context["result"].numbers.images == 1
    assert "The file is read as the sheet &#x27;Visits&#x27;, one of 2." in answer.text
    send(page, "submit", way="file", body=answer.context["text"])
    assert ImageResult.objects.get().url == "http://a.test/1"


def test_the_encoding_of_a_file_can_be_named(page):
    content = "store_id,visit_time,image_url\nł,today,http://a.test/1\n".encode("iso-8859-2")
    file = SimpleUploadedFile("v.csv", content)
    answer = send(page, "check", way="file", encoding="iso-8859-2", file=file)
    assert "ł" in answer.context["text"]
    assert 'value="iso-8859-2"' in answer.text


def test_what_cannot_be_seen_and_what_is_doubtful_is_shown(page):
    rows = [("S\u200b1", "http://a.test/1"), ("#N/A", "http://a.test/1,http://a.test/\u202e2")]
    visits = [{"store_id": store, "visit_time": "today", "image_url": [url]} for store, url in rows]
    answer = send(page, "check", way="json", body=json.dumps({"count": 2, "visits": visits}))
    for said in (
        "S&lt;U+200B&gt;1",
        "http://a.test/&lt;U+202E&gt;2",
        "is a spreadsheet&#x27;s error value",
        "Several URLs",
    ):
        assert said in answer.text
    send(page, "submit", way="json", body=json.dumps({"count": 2, "visits": visits}))
    job = Job.objects.get()
    shown = page.get(f"/jobs/{job.pk}/").text
    assert "S&lt;U+200B&gt;1" in shown
    assert "S\u200b1" not in re.sub(r'"[^"]*"', "", shown)
    image = ImageResult.objects.order_by("pk").last()
    assert "http://a.test/1,http://a.test/&lt;U+202E&gt;2" in page.get(f"/jobs/{job.pk}/images/{image.pk}/").text
