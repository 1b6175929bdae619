"""Photos that are answered: who sees which, drawn by whom, and that no shared cache keeps one."""

import threading
from io import BytesIO

import pytest
from django.contrib.auth.models import User
from PIL import Image

from api import photos
from jobs.imaging import photo_store
from jobs.models import ImageResult
from tests.factories import submit_visits
from tests.kept_photos import keep, keep_in_folder, photo
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db
WAYS = ["/jobs/{job}/images/{image}/{size}/", "/api/v1/jobs/{job}/images/{image}/{size}"]
SIZES = ["thumbnail", "preview", "original"]


@pytest.fixture
def folder(settings, tmp_path):
    keep_in_folder(settings, tmp_path)
    return tmp_path


@pytest.fixture
def owner(db):
    return User.objects.create_user("owner")


@pytest.fixture
def image(owner, folder):
    return ImageResult.objects.get(job=submit_visits(("S", ["http://a.test/1"]), owner=owner))


@pytest.fixture
def get(client, owner, image):
    client.force_login(owner)

    def get(way, size, image=image, **headers):
        return client.get(way.format(job=image.job_id, image=image.pk, size=size), headers=headers)

    return get


def content(answer):
    return b"".join(answer) if answer.streaming else answer.content


def told(answer, job_id):
    """What the answer says, whatever the job and the request."""
    text = content(answer).decode()
    for own in answer["X-Request-Id"], f"/{job_id}/", f"job {job_id} ":
        text = text.replace(own, "*")
    return text


@pytest.mark.parametrize("way", WAYS)
def test_what_a_browser_shows_is_drawn_anew_and_the_original_is_saved(get, image, way):
    file = photo(2400, 1200)
    keep(image, file)
    for size, expected in (("thumbnail", (320, 160)), ("preview", (1600, 800))):
        answer = get(way, size)
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")
        assert "Content-Disposition" not in answer
        with Image.open(BytesIO(answer.content)) as shown:
            assert (shown.format, shown.size) == ("WEBP", expected)
    answer = get(way, "original")
    assert content(answer) == file.getvalue()
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith(f'attachment; filename="image-{image.pk}.')


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", SIZES)
def test_no_shared_cache_keeps_a_photo_and_no_browser_guesses_its_type(get, image, way, size):
    keep(image, photo())
    answer = get(way, size)
    assert "public" not in answer["Cache-Control"]
    assert "private" in answer["Cache-Control"] or "no-store" in answer["Cache-Control"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer["Content-Security-Policy"]


@pytest.mark.parametrize("size", SIZES)
def test_a_browser_that_has_it_is_told_so_and_not_sent_it_again(get, image, size):
    keep(image, photo())
    etag = get(WAYS[0], size)["ETag"]
    answer = get(WAYS[0], size, if_none_match=etag)
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", SIZES)
def test_somebody_elses_photo_is_answered_like_a_missing_one(get, image, client, way, size):
    keep(image, photo())
    etag = get(WAYS[0], size)["ETag"]
    client.force_login(User.objects.create_user("somebody else"))
    theirs = get(way, size, if_none_match=etag)
    missing = client.get(way.format(job=image.job_id + 99, image=image.pk, size=size))
    assert (theirs.status_code, missing.status_code) == (404, 404)
    assert told(theirs, image.job_id) == told(missing, image.job_id + 99)
    assert theirs.headers.keys() == missing.headers.keys()


@pytest.mark.parametrize("way", WAYS)
def test_why_a_photo_is_not_there_is_said(get, image, folder, way):
    assert "KEEP_IMAGES" in content(get(way, "thumbnail")).decode()
    kept = keep(image, photo(), originals=False)
    assert get(way, "preview").status_code == 200, "the thumbnail"
    assert "No original is kept" in content(get(way, "original")).decode()
    (folder / photo_store.thumbnail_name(kept.sha256)).unlink()
    answer = get(way, "thumbnail")
    assert answer.status_code == 404
    assert "not in the storage any more" in content(answer).decode()


def test_a_photo_that_cannot_be_drawn_can_be_saved(get, image):
    file = BytesIO()
    Image.new("1", (30_000, 3_000)).save(file, "PNG")
    keep(image, file)
    for size in "thumbnail", "preview":
        answer = get(WAYS[0], size)
        assert answer.status_code == 404
    assert get(WAYS[0], "original").status_code == 200


def test_there_is_no_other_size(get, image):
    keep(image, photo())
    assert get(WAYS[0], "../etc").status_code == 404
    assert get(WAYS[0], "huge").status_code == 404


@pytest.mark.parametrize("tail", [b"<script>alert(1)</script>", b"PK\x03\x04 a zip as well", b"<svg onload='x()'/>"])
def test_a_file_of_two_kinds_is_drawn_as_a_picture_alone(get, image, tail):
    file = photo()
    file.seek(0, 2)
    file.write(tail)
    keep(image, file)
    for size in "thumbnail", "preview":
        answer = get(WAYS[0], size)
        assert answer.content[:4] == b"RIFF"
        assert tail not in answer.content


@pytest.fixture
def taken(monkeypatch):
    """All turns of this kind are taken, and nobody waits for one."""

    def take(kind):
        turns = photos._Turns(1, 1)
        turns._free.acquire()
        monkeypatch.setattr(photos, "PATIENCE_SECONDS", 0.0)
        monkeypatch.setattr(photos, kind, turns)
        return turns

    return take


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("kind", "refused", "answered"), [("_previews", ["preview"], ["thumbnail", "original"]), ("_answers", SIZES, [])]
)
def test_more_photos_than_have_a_turn_are_answered_later(get, image, taken, way, kind, refused, answered):
    keep(image, photo())
    turns = taken(kind)
    for size in refused:
        answer = get(way, size)
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert "Too many photos" in content(answer).decode()
        assert "max-age" not in answer.get("Cache-Control", "")
    for size in answered:
        assert get(way, size).status_code == 200
    turns._free.release()
    assert get(way, refused[0]).status_code == 200
    assert get(way, refused[0]).status_code == 200, "it gives its turn back"


def test_a_photo_that_is_refused_gives_its_turn_back(get, image, monkeypatch):
    keep(image, photo(), originals=False)
    monkeypatch.setattr(photos, "_answers", photos._Turns(1, 1))
    monkeypatch.setattr(photos, "PATIENCE_SECONDS", 0.0)
    for _ in range(3):
        assert get(WAYS[1], "original").status_code == 404


def test_photos_leave_threads_to_everybody_else(settings):
    turns = photos._answers._free, photos._answers._places, photos._previews._places
    assert sum(each._value for each in turns) <= settings.WEB_THREADS * 3 / 4


def test_who_finds_all_turns_and_all_places_taken_is_refused_without_a_wait(monkeypatch):
    monkeypatch.setattr(photos, "PATIENCE_SECONDS", 10**6)
    turns = photos._Turns(1, 1)
    with turns.one():
        turns._places.acquire()
        with pytest.raises(photos.NotNow), turns.one():
            pass


def test_who_waits_has_the_next_turn(monkeypatch):
    monkeypatch.setattr(photos, "PATIENCE_SECONDS", 30)
    turns, had = photos._Turns(1, 1), []
    waits = threading.Thread(target=lambda: had.append(turns.one().__enter__()))
    with turns.one():
        waits.start()
        wait_for(lambda: turns._places._value == 0)
    waits.join(30)
    assert had == [None]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", SIZES)
def test_a_storage_that_is_away_is_said_and_is_no_error_of_the_service(get, image, monkeypatch, way, size):
    keep(image, photo())

    def refuse(*_):
        raise ConnectionError("no route to the bucket of somebody")

    monkeypatch.setattr(photo_store.PhotoFolder, "_open", refuse)
    answer = get(way, size)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "storage of photos does not answer" in content(answer).decode()
    assert "bucket" not in content(answer).decode()
