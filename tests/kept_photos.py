"""Photos that are kept, for tests."""

from io import BytesIO
from pathlib import Path
from typing import Any

from django.core.files.storage import storages
from PIL import Image

from jobs.imaging.keep import Keeper
from jobs.models import ImageResult, KeptPhoto


def photo(width: int = 800, height: int = 600, form: str = "JPEG", mode: str = "RGB", **options: Any) -> BytesIO:
    file = BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert(mode).save(file, form, **options)
    return file


def keep_in(settings: Any, storage: dict[str, Any]) -> None:
    """Let this entry of STORAGES hold photos."""
    settings.STORAGES = settings.STORAGES | {"photos": storage}
    # What Django remembers of the storages before.
    storages.__init__()  # type: ignore[misc]  # it has no other way to forget


def keep_in_folder(settings: Any, folder: Path) -> None:
    keep_in(settings, {"BACKEND": "jobs.imaging.photo_store.PhotoFolder", "OPTIONS": {"location": folder}})


def keep(image: ImageResult, file: BytesIO, *, originals: bool = True) -> KeptPhoto:
    """As if the image had been of this file."""
    keeper = Keeper(originals=originals)
    keeper.room = 10**9
    kept = keeper.keep(file)
    return KeptPhoto.objects.create(
        image=image, sha256=kept.sha256, thumbnail=kept.thumbnail, original=kept.original, why_not=kept.why_not
    )
