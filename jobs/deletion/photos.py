"""Deleting kept photos: those that are old, those whose last image is gone, and what a crash has left behind.

A photo's files are deleted once no image is of it, and not before they have been left alone for a while, see
`jobs/imaging/photo_store.py`. A crash at any moment leaves a row of `UnwantedPhoto`, or a file that nobody refers to,
which `delete_orphans` finds.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import groupby

from django.db import connection, transaction
from django.db.models.functions import Now

from jobs import failpoints
from jobs.imaging import photo_store
from jobs.models import KeptBytes, KeptPhoto, UnwantedPhoto
from retail_pulse.db.timeouts import longer

# Rows of one transaction.
MOST_ROWS = 2_000
# Files that are looked up at once.
MOST_FILES = 1_000

# Written in the order of their keys, so that two such statements wait for one another in no circle.
_DELETE_OLD = """
    WITH deleted AS (
        DELETE FROM jobs_keptphoto WHERE image_id = ANY (ARRAY(
            SELECT image_id FROM jobs_keptphoto WHERE kept_at < %(before)s ORDER BY kept_at LIMIT %(most)s
            FOR UPDATE SKIP LOCKED
        )) RETURNING sha256
    ), unwanted AS (
        INSERT INTO jobs_unwantedphoto (sha256) SELECT DISTINCT sha256 FROM deleted ORDER BY sha256
        ON CONFLICT (sha256) DO NOTHING
    )
    SELECT count(*) FROM deleted
"""


def delete_old_rows(before: datetime) -> int:
    """Forget at most MOST_ROWS photos that were kept before then; their files become unwanted. Returns how many."""
    with longer("prune"), connection.cursor() as cursor:
        cursor.execute(_DELETE_OLD, {"before": before, "most": MOST_ROWS})
        (count,) = cursor.fetchone()
    return int(count)


def gather_bytes() -> None:
    """Add up what workers that are no more have counted, see `KeptBytes`."""
    KeptBytes.objects.gather()


def delete_unwanted() -> bool:
    """Delete the files of one photo that has been unwanted for long enough; False where there is none.

    Raises what the storage raises, in which case the photo is the last to be tried again. No transaction is open while
    the storage is waited for. Two that delete the same photo do no harm: its bytes are counted by the one that deletes
    its row.
    """
    due = UnwantedPhoto.objects.filter(since__lt=Now() - timedelta(seconds=photo_store.ALONE_SECONDS))
    photo = due.order_by("since").first()
    if photo is None:
        return False
    sha256 = bytes(photo.sha256)
    freed = 0
    if not KeptPhoto.objects.filter(sha256=sha256).exists():
        try:
            for name in photo_store.names(sha256):
                freed += photo_store.delete_if_left_alone(name)
        except photo_store.NotLeftAlone:
            # Somebody has just stored it again, and may be about to record it.
            _put_off(photo, freed)
            return True
        except Exception:
            # Whatever a storage raises: the others must not wait for this one.
            _put_off(photo, freed)
            raise
    failpoints.hit("prune.photo", sha256)
    with transaction.atomic():
        deleted, _ = UnwantedPhoto.objects.filter(pk=photo.pk).delete()
        if deleted:
            _count_freed(freed)
    return True


def _put_off(photo: UnwantedPhoto, freed: int) -> None:
    with transaction.atomic():
        UnwantedPhoto.objects.filter(pk=photo.pk).update(since=Now())
        _count_freed(freed)


def delete_orphans(*, dry_run: bool) -> int:
    """Delete the files that belong to no image: a crash came between them and their row. Returns how many."""
    found = 0
    for names in _some_at_a_time(photo_store.all_names()):
        owners = {name: photo_store.sha256_of(name) for name in names}
        wanted = _with_row({sha256 for sha256 in owners.values() if sha256 is not None})
        orphans = [name for name, sha256 in owners.items() if sha256 not in wanted]
        if dry_run:
            found += sum(photo_store.is_left_alone(name) is True for name in orphans)
            continue
        for name in filter(photo_store.is_left_alone, orphans):
            with suppress(photo_store.NotLeftAlone):
                _count_freed(photo_store.delete_if_left_alone(name))
                found += 1
    return found


def _count_freed(number: int) -> None:
    if number:
        KeptBytes.objects.add(0, -number)


def _with_row(photos: set[bytes]) -> set[bytes]:
    """Those of which there is an image, or that will be deleted anyway."""
    given = list(photos)
    return {
        bytes(sha256)
        for model in (KeptPhoto, UnwantedPhoto)
        for sha256 in model.objects.filter(sha256__in=given).values_list("sha256", flat=True)
    }


def _some_at_a_time(names: Iterator[str]) -> Iterator[list[str]]:
    for _, some in groupby(enumerate(names), key=lambda item: item[0] // MOST_FILES):
        yield [name for _, name in some]
