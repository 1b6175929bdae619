"""The plain values that travel between the queue and the imaging pipeline."""

from dataclasses import dataclass, field
from typing import Any

from jobs.errors import ImageError
from jobs.imaging.host import Blame


@dataclass(frozen=True, slots=True)
class Claim:
    """One image in a worker's hands. `claim_no` is the fence: only its holder may record the outcome."""

    image_id: int
    job_id: int
    claim_no: int
    attempt: int
    """1 for the first attempt of this generation."""
    url: str
    crashes: int = 0
    """How many processes have died with the image in hand."""
    host: str = ""
    """Whom the URL asks, as "name:port"; empty where it asks nobody."""
    waited: float = 0.0
    """Seconds since the host first refused the image at no cost."""


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


@dataclass(slots=True)
class Evidence:
    """What was seen during one attempt; filled as it goes, so that a failure keeps what came before it."""

    http_status: int | None = None
    content_type: str = ""
    """As the server declared it in the answer of `http_status`: at most 100 characters, none of them a control."""
    address_class: str = ""
    """What the server asked last has for an address, in a word of `imaging/guard.py`; empty where none was found."""
    redirects: list[str] = field(default_factory=list)
    """The URLs that were redirected to, in order."""
    bytes: int = 0
    fetch_ms: int = 0
    measure_ms: int = 0
    gpu_ms: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt ended in: `measurement` or `error`; neither where it was deferred before it began.

    `blame` says that the error is the host's and not the image's.
    """

    claim: Claim
    evidence: Evidence
    measurement: Measurement | None = None
    error: ImageError | None = None
    gpu_result: dict[str, Any] | None = None
    """What the model said of the image; None from the simulated step."""
    blame: Blame | None = None
