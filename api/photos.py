"""Answers that hold a photo, for the API and the dashboard: what a browser draws was always made by this service."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from django.conf import settings
from django.core.files.storage import Storage
from django.db.models import TextChoices
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control

from jobs.imaging import photo_store
from jobs.models import ImageResult, KeptPhoto

logger = logging.getLogger(__name__)

WEBP = "image/webp"
# How long a browser need not ask again whether it may still show a photo.
FRESH_SECONDS = 300
# After NotNow, how long to wait before one asks again.
RETRY_AFTER_SECONDS = 5
# How long a request waits for its turn.
PATIENCE_SECONDS = 0.5


class _Turns:
    """So many requests at once, and some more that wait for PATIENCE_SECONDS; the others are refused at once."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._free = threading.Semaphore(max(1, at_once))
        self._places = threading.Semaphore(max(1, waiting))

    @contextmanager
    def one(self) -> Iterator[None]:
        """Raises NotNow."""
        if not self._free.acquire(blocking=False) and not self._waited():
            raise NotNow("Too many photos are asked for at the moment; try again in a few seconds.")
        try:
            yield
        finally:
            self._free.release()

    def _waited(self) -> bool:
        if not self._places.acquire(blocking=False):
            return False
        try:
            return self._free.acquire(timeout=PATIENCE_SECONDS)
        finally:
            self._places.release()


# A storage that hangs, or many previews, each of which takes a processor for a moment, must not take the threads that
# answer everybody else: a quarter of them is always left.
_answers = _Turns(settings.WEB_THREADS * 3 // 8, settings.WEB_THREADS // 4)
_previews = _Turns(settings.WEB_THREADS // 4, settings.WEB_THREADS // 8)


class PhotoSize(TextChoices):
    """What may be asked for of a photo."""

    THUMBNAIL = "thumbnail"
    PREVIEW = "preview"
    ORIGINAL = "original"


class NotThere(Exception):
    """The photo is not kept, or not any more; the message says why, for people."""


class NotNow(Exception):
    """Too many photos are asked for at once, or their storage is away; the message says so, for people."""


def answer(request: HttpRequest, image: ImageResult, size: str) -> HttpResponseBase:
    """The photo of an image that the caller may see; `size` is a PhotoSize. Raises NotThere.

    A thumbnail, 320 pixels on its longer side, and a preview of 1600 are drawn by this service, without anything of the
    file's own. The original is never shown by a browser, only saved. Raises NotNow as well.
    """
    kept = KeptPhoto.objects.filter(image=image).first()
    if kept is None:
        raise NotThere("No photo is kept of this image: see KEEP_IMAGES and KEEP_DAYS in docs/configuration.md.")
    make = {PhotoSize.THUMBNAIL: _thumbnail, PhotoSize.PREVIEW: _preview, PhotoSize.ORIGINAL: _original}[
        PhotoSize(size)
    ]
    etag = f'"{bytes(kept.sha256).hex()[:32]}-{size}"'
    if request.headers.get("If-None-Match") == etag:
        return _private(HttpResponseNotModified(), etag)
    try:
        with _previews.one() if size == PhotoSize.PREVIEW else nullcontext(), _answers.one():
            return _private(make(photo_store.storage(), kept, image), etag)
    except (NotThere, NotNow):
        raise
    except FileNotFoundError:
        raise NotThere("The photo of this image is not in the storage any more.") from None
    except Exception as error:  # noqa: BLE001 - whatever a storage raises
        reason = f"{type(error).__name__}: {error}"[:300]
        logger.warning("photos cannot be read", extra={"error": reason})
        raise NotNow("The storage of photos does not answer at the moment; try again in a few seconds.") from None


def _thumbnail(storage: Storage, kept: KeptPhoto, image: ImageResult) -> HttpResponseBase:
    if not kept.thumbnail:
        raise NotThere(_reason(kept, "thumbnail"))
    with storage.open(photo_store.thumbnail_name(bytes(kept.sha256))) as file:
        return HttpResponse(file.read(), content_type=WEBP)


def _preview(storage: Storage, kept: KeptPhoto, image: ImageResult) -> HttpResponseBase:
    """Drawn anew each time from the original; where only the thumbnail is kept, that."""
    if not kept.original:
        return _thumbnail(storage, kept, image)
    # A decoder is a weight at the start, and few processes are asked for a preview.
    from jobs.imaging.thumbnail import PREVIEW_SIDE, NotDrawable, smaller

    with storage.open(photo_store.original_name(bytes(kept.sha256))) as file:
        try:
            return HttpResponse(smaller(file, PREVIEW_SIDE), content_type=WEBP)
        except NotDrawable:
            raise NotThere("The photo of this image cannot be drawn; its original may be saved.") from None


def _original(storage: Storage, kept: KeptPhoto, image: ImageResult) -> HttpResponseBase:
    if not kept.original:
        raise NotThere(_reason(kept, "original"))
    file = storage.open(photo_store.original_name(bytes(kept.sha256)))
    # Of a bucket it is fetched now, within the turn; not while the client reads it.
    file.seek(0)
    name = f"image-{image.pk}.{image.format.lower() or 'bin'}"
    answer = FileResponse(file, as_attachment=True, filename=name, content_type="application/octet-stream")
    answer["Content-Length"] = str(kept.original)
    return answer


def _reason(kept: KeptPhoto, what: str) -> str:
    return f"No {what} is kept of this image. {kept.get_why_not_display()}".strip()


def _private(answer: HttpResponseBase, etag: str) -> HttpResponseBase:
    """For the caller's own browser, which asks again whether the caller may still see it."""
    answer["ETag"] = etag
    answer["X-Content-Type-Options"] = "nosniff"
    patch_cache_control(answer, private=True, max_age=FRESH_SECONDS)
    return answer
