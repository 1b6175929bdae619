"""What is accepted and probably not as meant, each with its place in the body: for the warnings of a dry run."""

from collections.abc import Iterator, Mapping
from itertools import chain

from jobs.submission.payload import Path, holds_several_urls
from jobs.submission.plan import VisitPayload
from tables.cells import doubt_about_id, find_invisible, invisible_complaint
from tables.doubts import says_of_one

type Visits = Mapping[int, VisitPayload]


def doubtful_stores(visits: Visits) -> Iterator[tuple[str, Path]]:
    """Ids of which a spreadsheet has made something else, and those with white space around them, with the reason."""
    reasons: dict[str, str | None] = {}
    for number, visit in visits.items():
        if visit.store_id not in reasons:
            reasons[visit.store_id] = _doubt_about(visit.store_id)
        if reason := reasons[visit.store_id]:
            yield reason, ("visits", number, "store_id")


def _doubt_about(store_id: str) -> str | None:
    if store_id.strip() != store_id:
        return f"{store_id!r} begins or ends with white space"
    doubt = doubt_about_id(store_id)
    return f"{store_id!r} {says_of_one(doubt)}" if doubt is not None else None


def unseen(visits: Visits) -> Iterator[tuple[str, Path]]:
    """Ids and URLs with a character that cannot be seen, and which it is."""
    for path, text in chain(_store_ids(visits), image_urls(visits)):
        if find_invisible(text) is not None:
            yield invisible_complaint(text) or "", path


def several_urls(visits: Visits) -> Iterator[tuple[str, Path]]:
    """Texts that hold more than one URL, and will be taken for one."""
    return ((url, path) for path, url in image_urls(visits) if holds_several_urls(url))


def _store_ids(visits: Visits) -> Iterator[tuple[Path, str]]:
    return ((("visits", number, "store_id"), visit.store_id) for number, visit in visits.items())


def image_urls(visits: Visits) -> Iterator[tuple[Path, str]]:
    for number, visit in visits.items():
        for position, url in enumerate(visit.image_urls):
            yield ("visits", number, "image_url", position), url
