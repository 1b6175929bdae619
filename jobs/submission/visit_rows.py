"""The rows of a file of visits, each an image, gathered into visits; what is wrong with them, by line and column."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError

from jobs.submission.payload import (
    MAX_PROBLEMS,
    MAX_STORE_ID,
    MAX_VISIT_TIME,
    REFERENCE_RULE,
    URL_RULE,
    VISITED_BY_RULE,
    faults_of_metadata,
    holds_several_urls,
    is_name,
    is_reference,
    is_url_text,
    text_rule,
)
from jobs.submission.strict_json import load_json
from tables.cells import invisible_complaint

# Of a table and of an export, in bytes. They are read row by row; JSON is read whole, up to MAX_BODY_BYTES.
MAX_TABLE_BYTES = 2**29
COLUMNS = {name: name for name in ("store_id", "visit_time", "image_url")}
# The clients' own ids, of which each belongs to one visit or image.
REFERENCES = ("visit_reference", "image_reference")
OPTIONAL = {name: name for name in ("visited_by", "metadata", "image_metadata", *REFERENCES)}


@dataclass(frozen=True, slots=True)
class LineProblem:
    """One thing wrong with a file: its place, and a complaint that continues a sentence beginning with the place.

    Without a `line` the whole file is meant, without a `column` the whole row. `column` is spelled as in the file.
    """

    line: int | None
    column: str | None
    complaint: str

    @property
    def sentence(self) -> str:
        """For example `line 3, 'StoreID': is blank`, without a full stop."""
        if self.line is None:
            return f"the file {self.complaint}"
        column = f", {self.column!r}" if self.column is not None else ""
        return f"line {self.line:,}{column}: {self.complaint}"


class UnreadableVisits(Exception):
    """The file does not hold valid visits; `problems` says why, at most the first MAX_PROBLEMS."""

    def __init__(self, problems: Sequence[LineProblem], name: str = "") -> None:
        self.problems = problems
        file = f"{name}: " if name else ""
        rest = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{file}{problems[0].sentence}{rest}.")


class VisitRows:
    """Collects the visits of a file, row by row, and what is wrong with them.

    What is kept has at most `most_characters`: a workbook holds a repeated text once, so a small one may stand for far
    more than its own bytes.
    """

    def __init__(self, most_characters: int = MAX_TABLE_BYTES) -> None:
        self._left = self._most_characters = most_characters
        self.problems: list[LineProblem] = []
        self._visits: dict[tuple[str, ...], dict[str, Any]] = {}
        # Decoded in the end: what is wrong with it has been said by then.
        self._with_metadata: list[dict[str, Any]] = []
        self._images = 0

    def add(
        self,
        line: int,
        store_id: str,
        visit_time: str,
        image_url: str,
        visited_by: str = "",
        metadata: str = "",
        visit_reference: str = "",
        image_reference: str = "",
        image_metadata: str = "",
    ) -> None:
        """Add an image; both kinds of metadata are JSON. Raises UnreadableVisits at one too many."""
        if self._images == settings.MAX_IMAGES_PER_JOB:
            self.complain(line, None, f"is one image too many; a job has at most {settings.MAX_IMAGES_PER_JOB:,}")
            raise UnreadableVisits(self.problems)
        self._images += 1
        key = store_id, visit_time, visited_by, metadata, visit_reference
        if (visit := self._visits.get(key)) is None:
            self._left -= sum(map(len, key))
            visit = {"store_id": store_id, "visit_time": visit_time, "image_url": []}
            if visited_by:
                visit["visited_by"] = visited_by
            if metadata:
                visit["metadata"] = metadata
                self._with_metadata.append(visit)
            if visit_reference:
                visit["client_reference"] = visit_reference
            self._visits[key] = visit
        visit["image_url"].append(self._image(image_url, image_reference, image_metadata))
        self._left -= len(image_url) + len(image_reference) + len(image_metadata)
        if self._left < 0:
            self.complain(
                line,
                None,
                f"is one too many; ids, times and URLs have at most {self._most_characters:,} characters altogether",
            )
            raise UnreadableVisits(self.problems)

    def complain(self, line: int | None, column: str | None, complaint: str) -> None:
        """Add a problem. Raises UnreadableVisits as soon as there are MAX_PROBLEMS."""
        self.problems.append(LineProblem(line, column, complaint))
        if len(self.problems) >= MAX_PROBLEMS:
            raise UnreadableVisits(self.problems)

    def _image(self, url: str, reference: str, metadata: str) -> str | dict[str, Any]:
        if not reference and not metadata:
            return url
        image = {"url": url}
        if reference:
            image["client_reference"] = reference
        if metadata:
            image["metadata"] = metadata
            self._with_metadata.append(image)
        return image

    def body(self) -> dict[str, Any]:
        """`{"count": …, "visits": […]}`, which `parse_submission` accepts. Raises UnreadableVisits."""
        if self.problems:
            raise UnreadableVisits(self.problems)
        if not self._visits:
            raise UnreadableVisits([LineProblem(None, None, "has no rows below its header")])
        visits = list(self._visits.values())
        for holder in self._with_metadata:
            holder["metadata"] = json.loads(holder["metadata"])
        return {"count": len(visits), "visits": visits}


def complaint_about(name: str, cell: str) -> str | None:
    """What JSON would be refused for."""
    if name == "image_url":
        return None if is_url_text(cell) else URL_RULE
    if name in REFERENCES:
        return None if not cell or is_reference(cell) else REFERENCE_RULE
    if name in ("metadata", "image_metadata"):
        return _complaint_about_json(cell) if cell else None
    if name == "visited_by":
        return None if is_name(cell) else VISITED_BY_RULE
    longest = MAX_STORE_ID if name == "store_id" else MAX_VISIT_TIME
    return None if 1 <= len(cell) <= longest else text_rule(longest)


def _complaint_about_json(cell: str) -> str | None:
    try:
        return complaint_about_metadata(load_json(cell.encode()))
    except ParseError as error:
        return f"is no JSON: it {complaint_of_json(error)}"


def complaint_about_metadata(metadata: Any) -> str | None:
    for name, complaint in faults_of_metadata(metadata):
        return complaint if name is None else f"[{name!r}] {complaint}"
    return None


def complaint_of_json(error: ParseError) -> str:
    """What `load_json` says of a body, said of a file or a line."""
    text = str(error.detail).removesuffix(".")
    if text.startswith("The body "):
        return text.removeprefix("The body ")
    return f"cannot be read: {text[0].lower()}{text[1:]}"


def strict_complaint(name: str, cell: str) -> str | None:
    """The same, and what nobody means who writes a table."""
    stripped = cell.strip()
    if not stripped and name not in OPTIONAL:
        return "is blank"
    if name == "image_url" and not is_url_text(cell) and holds_several_urls(cell):
        return "holds several URLs; give each a row of its own"
    if complaint := complaint_about(name, cell):
        return complaint
    if name == "store_id" and (complaint := invisible_complaint(cell)):
        return complaint
    return "begins or ends with white space" if len(stripped) != len(cell) else None
