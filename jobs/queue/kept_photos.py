"""What was kept of photos, recorded beside their results."""

from collections.abc import Sequence

from jobs.imaging.types import Outcome
from jobs.models import KeptBytes, KeptPhoto


def record_kept(worker_id: int, outcomes: Sequence[Outcome]) -> None:
    """In the transaction that records the outcomes; nothing where photos are not kept.

    Of an attempt that failed after its photo was kept, only the bytes are counted: the next attempt finds them there.
    """
    kept = [(outcome, outcome.evidence.kept) for outcome in outcomes if outcome.evidence.kept is not None]
    if not kept:
        return
    # A completed image never runs again; but somebody may have deleted its job and its row meanwhile.
    KeptPhoto.objects.bulk_create(
        [
            KeptPhoto(
                image_id=outcome.claim.image_id,
                sha256=photo.sha256,
                thumbnail=photo.thumbnail,
                original=photo.original,
                why_not=photo.why_not,
            )
            for outcome, photo in kept
            if outcome.measurement is not None
        ],
        ignore_conflicts=True,
    )
    if added := sum(photo.added for _, photo in kept):
        KeptBytes.objects.add(worker_id, added)
