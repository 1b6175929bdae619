"""Validation of a submission: decoded JSON in, visits out, or sentences that say what is wrong.

Nothing here queries the database. Everything is checked by hand: nested serializers take a second of processor time for
what a loop does in a tenth, and accept `"1"`, `1.0` and `true` as the number 1.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError

from jobs.models.job import MAX_REFERENCE
from jobs.states import OnError
from jobs.submission.dates import read_instant
from jobs.submission.plan import Details, VisitPayload

MAX_STORE_ID = 64
MAX_VISIT_TIME = 200
MAX_VISITED_BY = 64
MAX_METADATA, MAX_METADATA_NAME, MAX_METADATA_VALUE = 10, 64, 500
MAX_URL = 2048
URL_RULE = f"must be a string of 1 to {MAX_URL:,} characters without control characters"
IMAGE_RULE = f"{URL_RULE}, or an object with url"
REFERENCE_RULE = f"must be a string of 1 to {MAX_REFERENCE} characters without control characters"
# Empty is the same as left out.
VISITED_BY_RULE = f"must be a string of at most {MAX_VISITED_BY} characters without control characters"
METADATA_RULE = (
    f"must be an object of at most {MAX_METADATA} strings, by names of 1 to {MAX_METADATA_NAME} characters without "
    "control characters"
)
METADATA_VALUE_RULE = f"must be a string of at most {MAX_METADATA_VALUE} characters without control characters"
# Enough to fix a client; listing every problem of a large body would cost more than reading it.
MAX_PROBLEMS = 100

_NEXT_URL = re.compile(r"[\s,|;]\s*https?:", re.IGNORECASE)
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")

# The place of a value in the body: keys and list indexes from the outside in, as in a JSON Pointer.
type Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a body: its place, and a complaint that continues a sentence beginning with the place."""

    path: Path
    complaint: str

    @property
    def sentence(self) -> str:
        """For example `visits[3].store_id is missing`, without a full stop."""
        return f"{place_of(self.path)} {self.complaint}"


def place_of(path: Path) -> str:
    """The path in readable form: `visits[3].store_id`."""
    place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return place.removeprefix(".") or "The body"


class InvalidPayload(ParseError):
    """The body is JSON, but not a valid submission; `problems` holds what is wrong, at most the first MAX_PROBLEMS.

    `valid_visits` holds the visits without problems, by their index in the body, as far as the body was read.
    """

    def __init__(self, problems: Sequence[Problem], valid_visits: Mapping[int, VisitPayload] | None = None) -> None:
        self.problems = problems
        self.valid_visits = valid_visits or {}
        more = len(problems) - 1
        least = "at least " if len(problems) >= MAX_PROBLEMS else ""
        noun = "problem" if more == 1 else "problems"
        rest = f" (and {least}{more} more {noun})" if more else ""
        super().__init__(f"{problems[0].sentence}{rest}.")


@dataclass(frozen=True, slots=True)
class Submission:
    """A valid submission, which may be stored."""

    visits: list[VisitPayload]
    on_error: OnError
    details: Details


def parse_submission(data: Any, *, with_details: bool = True) -> Submission:
    """Check decoded JSON against the HTTP contract's rules for a submission; unknown keys are ignored.

    Without `with_details`, `visited_by`, `client_reference` and `metadata` are among them, and an image is nothing but
    its URL, as to the assignment's endpoints, which are frozen.
    Raises InvalidPayload.
    """
    if not isinstance(data, dict):
        raise InvalidPayload([Problem((), "must be a JSON object with count and visits")])
    problems = _Problems()
    raw_visits = data.get("visits")
    count = data.get("count")
    if type(count) is not int:  # a bool is an int to isinstance
        problems.add((), "count", "must be an integer", data)
    elif isinstance(raw_visits, list) and count != len(raw_visits):
        problems.add((), "count", f"must be the number of visits, which is {len(raw_visits)}", data)
    on_error = data.get("on_error", OnError.CONTINUE)
    if on_error not in OnError.values:
        problems.add((), "on_error", f"must be {' or '.join(OnError.values)}", data)
    reference, metadata = "", None
    if with_details:
        reference = _parse_reference(data, (), problems) if "client_reference" in data else ""
        metadata = _parse_metadata(data, (), problems) if "metadata" in data else None
    if isinstance(raw_visits, list) and raw_visits:
        _parse_visits(raw_visits, problems, with_details=with_details)
    else:
        problems.add((), "visits", "must be a list of at least one visit", data)
    if problems.found:
        raise InvalidPayload(problems.found, problems.valid_visits)
    return Submission(list(problems.valid_visits.values()), OnError(on_error), Details(reference, metadata))


class _Problems:
    """Collects problems and valid visits, and raises InvalidPayload as soon as there are MAX_PROBLEMS problems."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.valid_visits: dict[int, VisitPayload] = {}
        # Where each reference stands: those of visits, and those of images.
        self.visits_by_reference: dict[str, Path] = {}
        self.images_by_reference: dict[str, Path] = {}

    def add(self, path: Path, key: str | int, complaint: str, holder: Mapping[str, Any] | None = None) -> None:
        """`holder` is the object that should have `key`: if the key is missing, that is the complaint."""
        missing = holder is not None and key not in holder
        self.found.append(Problem((*path, key), "is missing" if missing else complaint))
        if len(self.found) >= MAX_PROBLEMS:
            raise InvalidPayload(self.found, self.valid_visits)


def _parse_visits(raw_visits: list[Any], problems: _Problems, *, with_details: bool) -> None:
    total = 0
    for number, raw in enumerate(raw_visits):
        before = len(problems.found)
        if not isinstance(raw, dict):
            problems.add(("visits",), number, "must be an object with store_id, image_url and visit_time")
            continue
        path = ("visits", number)
        store_id = _parse_text(raw, path, "store_id", MAX_STORE_ID, problems)
        images: dict[int, Details] | None = {} if with_details else None
        image_urls = _parse_urls(raw, path, problems, images)
        visit_time = _parse_text(raw, path, "visit_time", MAX_VISIT_TIME, problems)
        visited_by = _parse_visited_by(raw, path, problems) if with_details and "visited_by" in raw else ""
        metadata = _parse_metadata(raw, path, problems) if with_details and "metadata" in raw else None
        reference = ""
        if with_details and "client_reference" in raw:
            reference = _parse_reference(raw, path, problems, problems.visits_by_reference)
        total += len(image_urls)
        if total > settings.MAX_IMAGES_PER_JOB:
            problems.add((), "visits", f"must hold at most {settings.MAX_IMAGES_PER_JOB:,} images in all")
            break
        if len(problems.found) == before:
            visited_at = read_instant(visit_time)
            problems.valid_visits[number] = VisitPayload(
                store_id, visit_time, visited_at, image_urls, visited_by, metadata, reference, images or None
            )


def _parse_text(raw: dict[str, Any], path: Path, key: str, longest: int, problems: _Problems) -> str:
    text = raw.get(key)
    if isinstance(text, str) and 1 <= len(text) <= longest:
        return text
    problems.add(path, key, text_rule(longest), raw)
    return ""


def _parse_visited_by(raw: dict[str, Any], path: Path, problems: _Problems) -> str:
    name = raw["visited_by"]
    if isinstance(name, str) and is_name(name):
        return name
    problems.add(path, "visited_by", VISITED_BY_RULE)
    return ""


def _parse_metadata(raw: dict[str, Any], path: Path, problems: _Problems) -> dict[str, str] | None:
    metadata = raw["metadata"]
    for key, complaint in faults_of_metadata(metadata):
        if key is None:
            problems.add(path, "metadata", complaint)
        else:
            problems.add((*path, "metadata"), key, complaint)
    return metadata or None


def _parse_reference(raw: dict[str, Any], path: Path, problems: _Problems, taken: dict[str, Path] | None = None) -> str:
    """`taken` says where the references of this kind stand."""
    reference = raw["client_reference"]
    if not isinstance(reference, str) or not is_reference(reference):
        problems.add(path, "client_reference", REFERENCE_RULE)
        return ""
    if taken is not None and (first := taken.setdefault(reference, path)) is not path:
        problems.add(path, "client_reference", f"is that of {place_of(first)}, too")
    return reference


def _parse_urls(raw: dict[str, Any], path: Path, problems: _Problems, images: dict[int, Details] | None) -> list[str]:
    """The URLs; what is said of some images besides is added to `images`, by their places, unless that is None."""
    urls = raw.get("image_url")
    if not isinstance(urls, list) or not urls:
        problems.add(path, "image_url", "must be a list of at least one URL", raw)
        return []
    objects = False
    for number, url in enumerate(urls):
        if isinstance(url, str) and is_url_text(url):
            continue
        if images is not None and isinstance(url, dict):
            objects = True
            _parse_image(url, (*path, "image_url", number), problems, images)
        else:
            rule = URL_RULE if images is None or isinstance(url, str) else IMAGE_RULE
            problems.add((*path, "image_url"), number, rule)
    return [url.get("url", "") if isinstance(url, dict) else url for url in urls] if objects else urls


def _parse_image(
    raw: dict[str, Any], path: tuple[str | int, ...], problems: _Problems, images: dict[int, Details]
) -> None:
    url = raw.get("url")
    if not isinstance(url, str) or not is_url_text(url):
        problems.add(path, "url", URL_RULE, raw)
    reference = ""
    if "client_reference" in raw:
        reference = _parse_reference(raw, path, problems, problems.images_by_reference)
    metadata = _parse_metadata(raw, path, problems) if "metadata" in raw else None
    if reference or metadata:
        images[int(path[-1])] = Details(reference, metadata)


def text_rule(longest: int) -> str:
    return f"must be a string of 1 to {longest} characters"


def is_name(name: str) -> bool:
    """Whether `visited_by` may hold this, by VISITED_BY_RULE."""
    return len(name) <= MAX_VISITED_BY and _CONTROL_CHARACTER.search(name) is None


def is_reference(text: str) -> bool:
    """Whether `client_reference` may hold this, by REFERENCE_RULE."""
    return 1 <= len(text) <= MAX_REFERENCE and _CONTROL_CHARACTER.search(text) is None


def faults_of_metadata(metadata: Any) -> Iterator[tuple[str | None, str]]:
    """What is wrong with `metadata`: the name of the value, None for all of it, and the complaint."""
    if not isinstance(metadata, dict) or len(metadata) > MAX_METADATA or not all(map(_is_metadata_name, metadata)):
        yield None, METADATA_RULE
        return
    for name, value in metadata.items():
        if not isinstance(value, str) or len(value) > MAX_METADATA_VALUE or _CONTROL_CHARACTER.search(value):
            yield name, METADATA_VALUE_RULE


def _is_metadata_name(name: str) -> bool:
    return 1 <= len(name) <= MAX_METADATA_NAME and _CONTROL_CHARACTER.search(name) is None


def is_url_text(url: str) -> bool:
    """Whether `image_url` may hold this, by URL_RULE. Whether it is a URL is checked when it is fetched."""
    return 1 <= len(url) <= MAX_URL and (url.isprintable() or _CONTROL_CHARACTER.search(url) is None)


def holds_several_urls(url: str) -> bool:
    """Whether a second URL begins behind a comma, a bar, a semicolon or white space."""
    return _NEXT_URL.search(url, 1) is not None
