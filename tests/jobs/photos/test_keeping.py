"""Kept photos: what is in the storage, and what happens where it cannot be written to."""

import hashlib
import os
import resource
import signal
import time
from io import BytesIO

import pytest
from PIL import Image

from jobs.imaging import keep, photo_store
from jobs.imaging.thumbnail import MOST_THUMBNAIL_BYTES, PREVIEW_SIDE, THUMBNAIL_SIDE, NotDrawable, smaller
from jobs.states import NotKept
from tests.conftest import FIXTURES
from tests.kept_photos import photo


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_photo_is_kept_whole_and_as_a_thumbnail_named_by_its_content(keeper, folder):
    file = photo()
    kept = keeper.keep(file)
    name = hashlib.sha256(file.getvalue()).hexdigest()
    assert kept.sha256.hex() == name
    assert files(folder) == [f"originals/{name[:2]}/{name}", f"thumbnails/{name[:2]}/{name}.webp"]
    assert (folder / f"originals/{name[:2]}/{name}").read_bytes() == file.getvalue()
    with Image.open(folder / f"thumbnails/{name[:2]}/{name}.webp") as small:
        assert (small.format, small.size) == ("WEBP", (THUMBNAIL_SIDE, 240))
    assert (kept.original, kept.why_not) == (len(file.getvalue()), "")
    assert kept.added == kept.original + kept.thumbnail


def test_files_and_folders_are_for_the_service_alone(keeper, folder):
    keeper.keep(photo())
    assert {path.stat().st_mode & 0o077 for path in folder.rglob("*")} == {0}


def test_the_same_photo_is_stored_once(keeper, folder):
    first, second = keeper.keep(photo()), keeper.keep(photo())
    assert (second.sha256, second.thumbnail, second.original) == (first.sha256, first.thumbnail, first.original)
    assert second.added == 0
    assert len(files(folder)) == 2


def test_a_file_that_was_written_long_ago_is_written_again_lest_it_is_deleted(keeper, folder):
    first = keeper.keep(photo())
    old = time.time() - photo_store.FRESH_SECONDS - 1
    for path in folder.rglob("*"):
        os.utime(path, (old, old))
    assert photo_store.is_left_alone(photo_store.original_name(first.sha256)) is False
    assert keeper.keep(photo()).added == 0
    assert all(path.stat().st_mtime > old + 1 for path in folder.rglob("*") if path.is_file())


def test_thumbnails_alone_leave_no_original(folder):
    keeper = keep.Keeper(originals=False)
    keeper.room = 10**9
    kept = keeper.keep(photo())
    assert kept.original == 0
    assert [name.split("/")[0] for name in files(folder)] == ["thumbnails"]


def test_where_the_space_is_used_up_nothing_more_is_kept_until_there_is_room(keeper, folder):
    keeper.room = 1
    keeper.keep(photo())
    assert keeper.room < 0
    assert keeper.keep(photo(700)).why_not == NotKept.FULL
    assert len(files(folder)) == 2
    keeper.room = 1
    assert keeper.keep(photo(700)).why_not == ""


def test_a_storage_that_cannot_be_written_to_is_tried_again_and_then_left_alone_for_a_while(
    keeper, folder, monkeypatch
):
    tried = []

    def refuse(name, content):
        tried.append(name)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keep, "RETRY_SECONDS", (0.0, 0.0))
    with monkeypatch.context() as away:
        away.setattr(photo_store, "put", refuse)
        assert keeper.keep(photo()).why_not == NotKept.AWAY
        assert len(tried) == 3
        assert keeper.keep(photo(700)).why_not == NotKept.AWAY
        assert len(tried) == 3
    # It is there again, but nobody asks before the pause is over.
    assert keeper.keep(photo()).why_not == NotKept.AWAY
    keeper._away_until = time.monotonic() - 1
    assert keeper.keep(photo()).why_not == ""
    assert keeper.keep(photo(700)).why_not == ""


def test_a_storage_that_refuses_once_is_no_storage_that_is_away(keeper, folder, monkeypatch):
    put, failures = photo_store.put, [OSError("connection reset")]

    def refuse_once(name, content):
        if failures:
            raise failures.pop()
        return put(name, content)

    monkeypatch.setattr(keep, "RETRY_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(photo_store, "put", refuse_once)
    assert keeper.keep(photo()).why_not == ""


def test_what_was_never_finished_has_no_name_of_a_photo(keeper, folder, monkeypatch):
    def lose_power(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as crash:
        crash.setattr("pathlib.Path.replace", lose_power)
        with pytest.raises(KeyboardInterrupt):
            keeper.keep(photo())
    (name,) = photo_store.all_names()
    assert name.endswith(".part")
    assert photo_store.sha256_of(name) is None
    assert keeper.keep(photo()).why_not == ""


def test_what_did_not_fit_on_a_full_disk_is_not_left_there(keeper, folder, monkeypatch):
    monkeypatch.setattr(keep, "RETRY_SECONDS", (0.0, 0.0))
    file = BytesIO(photo(1600, 1200).getvalue() + bytes(200_000))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # As Python does, so that a write beyond the limit is an error and not the end of the process.
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        kept = keeper.keep(file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (kept.original, kept.why_not) == (0, NotKept.AWAY)
    assert files(folder) == [photo_store.thumbnail_name(kept.sha256)]


def test_a_storage_that_hangs_is_not_tried_again_at_once(keeper, monkeypatch):
    tried = []

    def hang(name, content):
        tried.append(name)
        raise TimeoutError

    monkeypatch.setattr(keep, "HANGS_SECONDS", -1.0)
    monkeypatch.setattr(photo_store, "put", hang)
    assert keeper.keep(photo()).why_not == NotKept.AWAY
    assert len(tried) == 1


def test_a_hash_that_is_known_is_not_worked_out_again(keeper, monkeypatch):
    file = photo()
    monkeypatch.setattr(keep, "sha256_of_file", lambda _: pytest.fail("it is known"))
    kept = keeper.keep(file, hashlib.sha256(file.getvalue()).digest())
    assert kept.why_not == ""


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_shown_as_it_was_held(orientation):
    upright = Image.new("RGB", (64, 32))
    upright.paste((255, 0, 0), (0, 0, 32, 16))  # the upper left corner is red
    turned = {
        1: upright,
        2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.transpose(Image.Transpose.ROTATE_180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: upright.transpose(Image.Transpose.TRANSPOSE),
        6: upright.transpose(Image.Transpose.ROTATE_90),
        7: upright.transpose(Image.Transpose.TRANSVERSE),
        8: upright.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = BytesIO()
    turned.save(file, "JPEG", exif=exif, quality=95)
    with Image.open(BytesIO(smaller(file, 320))) as shown:
        assert shown.size == (64, 32)
        assert shown.convert("RGB").getpixel((8, 4))[0] > 200
        assert shown.convert("RGB").getpixel((56, 28))[0] < 60


def test_nothing_of_the_files_own_metadata_is_in_a_thumbnail():
    exif = Image.Exif()
    exif[0x010F] = "Camera of somebody"
    file = photo(exif=exif, icc_profile=b"profile of somebody" * 1000, comment=b"a comment")
    small = smaller(file, 320)
    assert b"somebody" not in small
    with Image.open(BytesIO(small)) as shown:
        assert not {"exif", "icc_profile", "xmp"} & shown.info.keys()


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("PNG", "I;16"),
        ("GIF", "P"),
        ("TIFF", "L"),
        ("TIFF", "CMYK"),
        ("BMP", "1"),
        ("WEBP", "RGBA"),
        ("AVIF", "RGB"),
    ],
)
def test_every_format_and_mode_has_a_thumbnail(form, mode):
    with Image.open(BytesIO(smaller(photo(640, 480, form, mode), 320))) as shown:
        assert (shown.format, shown.mode, shown.size) == ("WEBP", "RGB", (320, 240))


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_of_gray_are_as_bright_as_they_were(form):
    gray = Image.linear_gradient("L")
    sixteen = Image.frombytes("I;16", gray.size, b"".join(bytes([0, level]) for level in gray.tobytes()))
    file = BytesIO()
    sixteen.save(file, form)
    with Image.open(BytesIO(smaller(file, 320))) as shown:
        levels = [shown.convert("L").getpixel((128, y)) for y in (8, 128, 248)]
    assert levels == pytest.approx([8, 128, 248], abs=6)


@pytest.mark.parametrize("path", sorted((FIXTURES / "images").glob("*.*")), ids=lambda path: path.name)
def test_every_sample_photo_has_a_thumbnail_of_bounded_size(path):
    for side in THUMBNAIL_SIDE, PREVIEW_SIDE:
        with path.open("rb") as file, Image.open(BytesIO(smaller(file, side))) as shown:
            assert max(shown.size) <= side


def test_a_thumbnail_is_small_even_of_noise(keeper, folder):
    file = BytesIO()
    Image.effect_noise((1280, 960), 120).save(file, "PNG")
    assert len(smaller(file, THUMBNAIL_SIDE)) > MOST_THUMBNAIL_BYTES
    assert 0 < keeper.keep(file).thumbnail <= MOST_THUMBNAIL_BYTES


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xff\xd8\xff\xe0 not a photo", b"GIF89a" + b"x" * 99],
)
def test_what_is_no_picture_is_not_drawn(content):
    with pytest.raises(NotDrawable):
        smaller(BytesIO(content), 320)


def test_a_picture_of_too_many_pixels_is_not_drawn_and_its_original_is_kept(keeper, folder):
    file = BytesIO()
    Image.new("1", (30_000, 3_000)).save(file, "PNG")
    with pytest.raises(NotDrawable, match="pixels"):
        smaller(file, 320)
    kept = keeper.keep(file)
    assert (kept.thumbnail, kept.why_not) == (0, NotKept.NOT_DRAWABLE)
    assert kept.original
