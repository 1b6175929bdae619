"""The plain values passed between the queue and the imaging pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jobs.errors import ImageError
from jobs.imaging.host import Blame

if TYPE_CHECKING:
    # Not loaded by processes that decode nothing.
    from jobs.imaging.difference_hash import DifferenceHash
    from jobs.imaging.exif import Exif
    from jobs.imaging.look import Look


@dataclass(frozen=True, slots=True)
class Claim:
    """One image claimed by a worker. `claim_no` is the fence: only the latest claim may record an outcome."""

    image_id: int
    job_id: int
    claim_no: int
    attempt: int
    """1 for the first attempt of this generation."""
    url: str
    crashes: int = 0
    """How many processes have died while the image was in flight."""
    host: str = ""
    """The host of the URL, as "name:port"; empty if it is never requested."""
    waited: float = 0.0
    """Seconds since the host first refused the image without costing it an attempt."""
    min_width: int = 0
    min_height: int = 0
    """In pixels, of the image as stored: a smaller one fails."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What the image is, in pixels, as stored: an EXIF rotation is not applied."""

    width: int
    height: int
    format: str
    """Pillow's name of the format: JPEG, PNG, WEBP, GIF, TIFF, BMP, AVIF or MPO."""

    @property
    def perimeter(self) -> int:
        """`2 * (height + width)`, the rule of the HTTP contract."""
        return 2 * (self.height + self.width)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is in the storage of one photo, in bytes; 0 is nothing."""

    sha256: bytes
    thumbnail: int = 0
    original: int = 0
    added: int = 0
    """How many bytes were not there before."""
    why_not: str = ""
    """A value of NotKept where something is missing, else empty."""

    @property
    def is_there(self) -> bool:
        return bool(self.thumbnail or self.original)


@dataclass(slots=True)
class Evidence:
    """What was observed during one attempt; filled step by step, so that a failure keeps what came before it."""

    http_status: int | None = None
    content_type: str = ""
    """As the server declared it in the answer of `http_status`: at most 100 characters, no control characters."""
    address_class: str = ""
    """The class of the last server's address, as `imaging/guard.py` defines it; empty if none was found."""
    redirects: list[str] = field(default_factory=list)
    """Where redirects led, in order: one a hop, at most 2,048 printable characters each, without passwords.

    Where the last hop was refused it is the last; two of them if it named several places at once.
    """
    bytes: int = 0
    fetch_ms: int = 0
    measure_ms: int = 0
    gpu_ms: int = 0
    size: tuple[int, int] | None = None
    """Width and height in pixels, where they are why the image failed."""
    kept: Kept | None = None
    """None where KEEP_IMAGES is off, and before the photo has passed the checks."""


@dataclass(frozen=True, slots=True)
class Photo:
    """What is kept as evidence of a photo; None is what was not looked at, or could not be read."""

    sha256: bytes
    """Of the file as downloaded."""
    exif: Exif | None = None
    hash: DifferenceHash | None = None
    look: Look | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one attempt: `measurement` or `error`; neither if it was deferred before it began.

    `blame` says that the host is to blame for the error, not the image.
    """

    claim: Claim
    evidence: Evidence
    measurement: Measurement | None = None
    error: ImageError | None = None
    gpu_result: dict[str, Any] | None = None
    """The model's result; None from the simulated step."""
    blame: Blame | None = None
    photo: Photo | None = None
    """Of a measured image, where PHOTO_EVIDENCE asks for it."""
