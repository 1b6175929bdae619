"""A selection of a job's images: what people filter, retry and export by."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Each part narrows; None leaves it open.

    `state` is an image's, `code` an error's, `host` as `ImageResult.host` has it, `store` a store's id as sent, `area`
    an area's code, `group` the id of a group of stores. An empty `host` is that of URLs without one; an empty `area`
    is that of stores which the store master does not hold.
    """

    state: str | None = None
    code: str | None = None
    host: str | None = None
    store: str | None = None
    area: str | None = None
    group: int | None = None

    @property
    def parts(self) -> dict[str, str]:
        """What is set, by name: a query string, and what a job's history keeps."""
        return {name: str(value) for name, value in asdict(self).items() if value is not None}
