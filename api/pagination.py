"""Pages over rows in id order: a `limit`, and an opaque `cursor` that says where the next page begins.

By key, not by offset: page 1,000 costs as much as the first, and rows added meanwhile do not shift it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Model, QuerySet
from rest_framework.exceptions import ParseError

from api import cursors
from jobs.models.job import Job, JobQuerySet
from jobs.models.metadata import SORTED_BY_ID
from jobs.models.newest import newest

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000

_NO_CURSOR = "cursor must be the next_cursor of an earlier answer."
# Layouts of cursors.
_ROW, _WITHIN_ROW = ">Q", ">QQ"
_LIMIT = re.compile(r"[1-9][0-9]{0,3}")


@dataclass(frozen=True, slots=True)
class Page[Row]:
    rows: Sequence[Row]
    next_cursor: str | None
    """None on the last page."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The page that a client asks for: up to `limit` rows after the one with the id `after`."""

    after: int = 0
    limit: int = DEFAULT_LIMIT

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> Self:
        """From the query parameters `cursor` and `limit`; without them, the first page. Raises ParseError."""
        return cls(
            read_cursor(parameters["cursor"]) if "cursor" in parameters else 0,
            read_limit(parameters["limit"]) if "limit" in parameters else DEFAULT_LIMIT,
        )

    def of[Row: Model](self, rows: QuerySet[Row], *, newest_first: bool = False, sort: bool = False) -> Page[Row]:
        """The page of `rows`, in one query; rows already ordered, with the id as the last key, keep their order.

        To `sort` is for rows that an index of another kind finds: to read that, and not all rows in the order of ids.
        """
        if sort:
            place = rows.alias(place=SORTED_BY_ID)
            following = (
                place.filter(**{f"place__{'lt' if newest_first else 'gt'}": self.after}) if self.after else place
            )
            ordered = following if rows.ordered else following.order_by("-place" if newest_first else "place")
        elif newest_first:
            ordered = (rows.filter(pk__lt=self.after) if self.after else rows).order_by("-pk")
        else:
            # A condition that holds for all rows is one more index that the planner may read all of.
            following = rows.filter(pk__gt=self.after) if self.after else rows
            ordered = following if rows.ordered else following.order_by("pk")
        return self.page(list(ordered[: self.limit + 1]))

    def of_newest_jobs(self, jobs: JobQuerySet, user: User | AnonymousUser) -> Page[Job]:
        """The page of the jobs that `user` may read, the newest first, of `jobs` that nothing narrows."""
        return self.page(list(newest(jobs.filter(pk__lt=self.after) if self.after else jobs, user, self.limit + 1)))

    def page[Row: Model](self, found: Sequence[Row]) -> Page[Row]:
        """Of up to `limit` + 1 rows that were found."""
        page = found[: self.limit]
        return Page(page, write_cursor(page[-1].pk) if len(found) > len(page) else None)


def read_limit(text: str) -> int:
    if not _LIMIT.fullmatch(text) or int(text) > MAX_LIMIT:
        raise ParseError(f"limit must be a whole number from 1 to {MAX_LIMIT:,}.")
    return int(text)


def write_cursor(row_id: int, within: int | None = None) -> str:
    """The place behind a row or, with `within`, behind one of the rows that belong to it."""
    return cursors.write(_ROW, row_id) if within is None else cursors.write(_WITHIN_ROW, row_id, within)


def read_cursor(text: str) -> int:
    """Raises ParseError."""
    row_id, within = read_cursor_within(text)
    if within is not None:
        raise ParseError(_NO_CURSOR)
    return row_id


def read_cursor_within(text: str) -> tuple[int, int | None]:
    """What `write_cursor` was given. Raises ParseError."""
    numbers = cursors.read(_ROW, text) or cursors.read(_WITHIN_ROW, text)
    if numbers is None:
        raise ParseError(_NO_CURSOR)
    return numbers[0], numbers[1] if len(numbers) > 1 else None
