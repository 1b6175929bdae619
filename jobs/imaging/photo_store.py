"""Where kept photos are: a storage of Django's, in which a photo is named by its content, so that it is stored once.

Nobody needs to know who else keeps the same photo: whoever wants one that is there already leaves it there. So that
nobody deletes it in the same moment, a file is only deleted once it has been left alone for ALONE_SECONDS, see
`is_left_alone`; and whoever finds one that was last written more than FRESH_SECONDS ago writes it again.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, storages

FRESH_SECONDS = 600.0
# More than an attempt takes from keeping the photo until its outcome is recorded.
ALONE_SECONDS = 7200.0
_UNFINISHED = ".part"


class NotLeftAlone(Exception):
    """Somebody has stored the file a moment ago, and may be about to record it."""


class PhotoFolder(FileSystemStorage):
    """A folder in which a file is there whole or not at all, whatever happens while it is written."""

    def __init__(self, **options: Any) -> None:
        # Photos are nobody's but the service's.
        super().__init__(
            **{"allow_overwrite": True, "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700} | options
        )

    def _save(self, name: str, content: File[Any]) -> str:
        whole = self.path(name)
        unfinished = f"{name}-{uuid.uuid4().hex}{_UNFINISHED}"
        try:
            super()._save(unfinished, content)  # type: ignore[misc]  # Django documents it; its stubs leave it out
            Path(self.path(unfinished)).replace(whole)
        except Exception:
            # A full disk must not be filled further by what did not fit.
            Path(self.path(unfinished)).unlink(missing_ok=True)
            raise
        return name


def storage() -> Storage:
    """What KEEP_FOLDER or KEEP_BUCKET names."""
    return storages["photos"]


def thumbnail_name(sha256: bytes) -> str:
    return _name("thumbnails", sha256) + ".webp"


def original_name(sha256: bytes) -> str:
    return _name("originals", sha256)


def names(sha256: bytes) -> tuple[str, str]:
    """All that may be kept of one photo."""
    return thumbnail_name(sha256), original_name(sha256)


def put(name: str, content: bytes | IO[bytes]) -> bool:
    """Store the content; False where it was there already. Raises what the storage raises."""
    photos = storage()
    age = _age(photos, name)
    if age is not None and age < FRESH_SECONDS:
        return False
    if not isinstance(content, bytes):
        content.seek(0)
    photos.save(name, ContentFile(content) if isinstance(content, bytes) else File(content))
    return age is None


def is_left_alone(name: str) -> bool | None:
    """Whether the file may be deleted where nobody wants it; None where there is none."""
    age = _age(storage(), name)
    return None if age is None else age > ALONE_SECONDS


def delete_if_left_alone(name: str) -> int:
    """Delete the file, which nobody wants; returns its bytes, 0 where there is none. Raises NotLeftAlone."""
    photos = storage()
    match is_left_alone(name):
        case None:
            return 0
        case False:
            raise NotLeftAlone(name)
    try:
        size = photos.size(name)
    except FileNotFoundError:
        # Somebody else has deleted it in this moment.
        return 0
    photos.delete(name)
    return int(size)


def all_names() -> Iterator[str]:
    """Every file in the storage, also those that were never finished; as many in memory as one of 512 folders holds."""
    photos = storage()
    for kind in ("thumbnails", "originals"):
        for folder in _list(photos, kind)[0]:
            for file in _list(photos, f"{kind}/{folder}")[1]:
                yield f"{kind}/{folder}/{file}"


def sha256_of(name: str) -> bytes | None:
    """Of which photo the file is; None where it was never finished, or is not ours."""
    stem = name.rpartition("/")[2].removesuffix(".webp")
    try:
        found = bytes.fromhex(stem)
    except ValueError:
        return None
    return found if name in names(found) else None


def _name(kind: str, sha256: bytes) -> str:
    return f"{kind}/{sha256.hex()[:2]}/{sha256.hex()}"


def _age(photos: Storage, name: str) -> float | None:
    """In seconds since it was last written; None where there is none."""
    try:
        written = photos.get_modified_time(name)
    except FileNotFoundError:
        return None
    except Exception as error:
        if _says_there_is_none(error):
            return None
        raise
    return (datetime.now(UTC) - written).total_seconds()


def _says_there_is_none(error: Exception) -> bool:
    """As the libraries of S3 and of Google say it; a bucket that is away is not asked again for that."""
    answer = getattr(error, "response", None)
    if isinstance(answer, dict):
        return bool(answer.get("ResponseMetadata", {}).get("HTTPStatusCode") == HTTPStatus.NOT_FOUND)
    return getattr(error, "code", None) == HTTPStatus.NOT_FOUND


def _list(photos: Storage, folder: str) -> tuple[list[str], list[str]]:
    try:
        return photos.listdir(folder)
    except FileNotFoundError:
        return [], []
