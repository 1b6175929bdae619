"""What is found where a model has read a photo: whether it shows the name of its store."""

import pytest

from photos import findings, kinds
from photos.models import Finding
from stores.models import Store
from tests.photos.conftest import NOON, found, looks, photo, visited

pytestmark = pytest.mark.django_db


def lines(*texts):
    return {"lines": [{"text": text, "score": 0.9} for text in texts], "model": "sign", "version": "reader 1"}


@pytest.fixture(autouse=True)
def stores():
    for number in range(20):
        Store.objects.create(
            store_id=f"other {number}", name=f"SHOP {number}X", area_code="A", words=["SHOP", f"{number}X"]
        )
    Store.objects.create(store_id="S-1", name="Miller Bakery", area_code="A", words=["MILLER", "BAKERY"])


@pytest.mark.parametrize("many", [False, True])
def test_a_photo_shows_the_name_or_it_is_not_seen(many):
    answers = [
        lines("FRESH BREAD", "Miller's"),
        lines("Miller", "BAKERY"),
        lines("OPEN"),
        lines(),
        {"classes": []},
        None,
    ]
    if many:
        answers = [answer and {"other": {"vector": []}, "sign": answer} for answer in answers]
    ids = visited(("S-1", NOON, [photo(answer=answer) for answer in answers]))
    findings.find()
    assert found() == [
        (ids[0], kinds.NAME_NOT_SEEN, None), (ids[1], kinds.SHOWS_NAME, None), (ids[2], kinds.NAME_NOT_SEEN, None),
        (ids[3], kinds.NAME_NOT_SEEN, None),
    ]  # fmt: skip
    seen = Finding.objects.get(code=kinds.SHOWS_NAME)
    assert (seen.model, seen.version, seen.details["words"]) == ("sign", "reader 1", ["MILLER", "BAKERY"])
    assert looks() == {}


def test_a_visit_of_which_no_photo_shows_the_name_needs_a_look():
    (first, _) = visited(("S-1", NOON, [photo(answer=lines("OPEN")), photo(answer=lines("24 HOURS"))]))
    findings.find()
    assert looks() == {first: [kinds.NAME_NOT_SEEN]}


def test_of_a_name_that_many_stores_share_nothing_is_said():
    Store.objects.filter(store_id__startswith="other").update(words=["MILLER", "BAKERY"])
    visited(("S-1", NOON, [photo(answer=lines("Miller Bakery"))]))
    findings.find()
    assert found() == []


def test_what_was_read_is_kept_in_no_finding():
    visited(("S-1", NOON, [photo(answer=lines("MILLER", "BAKERY", "Jane Doe 555 123"))]))
    findings.find()
    assert "Jane" not in str(Finding.objects.get().details)


@pytest.mark.parametrize(
    "answer", [{"lines": "x"}, {"lines": [1, None, {"text": 5}]}, {"sign": {"lines": {}}}, {"a": []}]
)
def test_an_answer_of_another_form_is_no_error(answer):
    (image,) = visited(("S-1", NOON, [photo(answer=answer)]))
    findings.find()
    assert [image_id for image_id, *_ in found()] in ([], [image])
