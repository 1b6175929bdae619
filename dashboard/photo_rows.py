"""What pages show of photos: each with its thumbnail, what was found about it, and words for who cannot see it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobs.models import ImageResult, KeptPhoto
from jobs.states import ImageState
from photos.kinds import KINDS, Kind
from photos.models import Finding
from stores.models import Store


@dataclass(frozen=True, slots=True)
class PhotoRow:
    """`image` with its visit; `store` is None where the store master does not hold it, `kept` where nothing is kept."""

    image: ImageResult
    store: Store | None
    kept: KeptPhoto | None
    findings: Sequence[Finding]

    @property
    def has_thumbnail(self) -> bool:
        return self.kept is not None and self.kept.thumbnail > 0

    @property
    def kinds(self) -> list[Kind]:
        return [KINDS[finding.code] for finding in self.findings if finding.code in KINDS]

    @property
    def alt(self) -> str:
        """What is known of the photo, which nobody has described."""
        visit = self.image.visit
        where = f"store {visit.store_id}" + (f", {self.store.name}" if self.store else "")
        size = f", {self.image.width:,} by {self.image.height:,} pixels" if self.image.width else ""
        found = f"; {', '.join(kind.title.lower() for kind in self.kinds)}" if self.kinds else ""
        return f"Photo of {where}, visit of {visit.visit_time}{size}{found}"

    @property
    def why_not(self) -> str:
        """Why there is no picture to be seen."""
        if self.image.state == ImageState.FAILED:
            return f"Failed: {self.image.error_code}"
        if self.image.state != ImageState.COMPLETED:
            return f"{self.image.get_state_display()}, no photo yet"
        return self.kept.get_why_not_display() if self.kept is not None else "The photo is not kept."


def photo_rows(images: Iterable[ImageResult]) -> list[PhotoRow]:
    """The images, with their visits, as rows; three queries for all of them."""
    listed = list(images)
    ids = [image.pk for image in listed]
    kept = KeptPhoto.objects.in_bulk(ids)
    found: dict[int, list[Finding]] = defaultdict(list)
    for finding in Finding.objects.of_images(ids):
        found[finding.image_id].append(finding)
    stores = {store.store_id: store for store in Store.objects.known({image.visit.store_id for image in listed})}
    return [
        PhotoRow(
            image,
            stores.get(image.visit.store_id),
            kept.get(image.pk),
            sorted(found[image.pk], key=lambda finding: finding.code),
        )
        for image in listed
    ]
