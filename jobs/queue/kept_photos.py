"""What was kept of photos, recorded beside their results."""

from collections.abc import Collection, Sequence

from jobs.imaging.types import Outcome
from jobs.models import KeptBytes, KeptPhoto, UnwantedPhoto


def record_kept(worker_id: int, outcomes: Sequence[Outcome], completed: Collection[int]) -> None:
    """In the transaction that records the outcomes; nothing where photos are not kept.

    `completed` are the ids of the images that are completed by it. The photo of any other attempt, or of a job that
    was deleted meanwhile, is there and counted, but unwanted, unless some image turns out to be of it.
    """
    kept = [(outcome, outcome.evidence.kept) for outcome in outcomes if outcome.evidence.kept is not None]
    if not kept:
        return
    # A completed image never runs again.
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
            if outcome.claim.image_id in completed
        ],
        ignore_conflicts=True,
    )
    unwanted = {photo.sha256 for outcome, photo in kept if photo.is_there and outcome.claim.image_id not in completed}
    # In one order, so that two who do so wait for one another in no circle.
    UnwantedPhoto.objects.bulk_create(
        [UnwantedPhoto(sha256=sha256) for sha256 in sorted(unwanted)], ignore_conflicts=True
    )
    if added := sum(photo.added for _, photo in kept):
        KeptBytes.objects.add(worker_id, added)
