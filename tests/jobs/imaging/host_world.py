"""Host limits with a clock that the test moves."""

from jobs import errors
from jobs.imaging.host import HOLD_SECONDS, LONGEST_PAUSE_SECONDS, SEVERAL
from jobs.imaging.host_limits import Admission, HostLimits

HOST, OTHER = "photos.example:443", "other.example:443"
REFUSED = errors.HTTPStatus(503)


class World:
    """Limits of 16 slots, with a clock that the test moves."""

    def __init__(self, slots: int = 16, **options) -> None:
        self.now = 1000.0
        self.limits = HostLimits(slots, slots * 3 // 2, clock=lambda: self.now, **options)
        self.images = 0

    def begin(self, host: str = HOST, job: int = 1, **options) -> int | None:
        """The image that began; None if none may begin."""
        self.images += 1
        began = self.limits.begin(host, self.images, job, **options) is Admission.BEGINS
        return self.images if began else None

    def begin_all(self, host: str = HOST, job: int = 1, **options) -> list[int]:
        began = []
        while (image := self.begin(host, job, **options)) is not None:
            began.append(image)
        return began

    def answer(self, host: str, image: int, seconds: float = 0.01, model: float = 0.25) -> None:
        self.limits.fetched(host, image)
        self.limits.finished(host, image, None, fetch_seconds=seconds, model_seconds=model)

    def refuse(self, host: str, image: int, error: errors.ImageError = REFUSED):
        return self.limits.finished(host, image, error, fetch_seconds=0.01, model_seconds=0.0)

    def warm(self, host: str = HOST, seconds: float = 0.01) -> None:
        """Let a host answer until it has the largest window."""
        for _ in range(40):
            image = self.begin(host, leftover=True)
            assert image is not None
            self.answer(host, image, seconds)

    def pause(self, host: str = HOST, error: errors.ImageError = REFUSED) -> None:
        """Let a host refuse until it is paused."""
        for _ in range(SEVERAL):
            self.now += HOLD_SECONDS[1]
            image = self.begin(host)
            assert image is not None
            self.refuse(host, image, error)
        assert host in self.limits.due(9) or self.limits.next_opening() > 0

    def probe(self, host: str = HOST) -> int:
        self.now += LONGEST_PAUSE_SECONDS
        self.limits.shared(self.limits.changed_pauses())
        assert self.limits.due(9) == [host]
        self.images += 1
        self.limits.begin_probe(host, self.images, 1)
        return self.images
