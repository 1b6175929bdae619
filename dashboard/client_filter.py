"""Visits by what their client says of them, as an address has it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet

from dashboard.parameters import Given, verbatim
from insights.models import VisitSummary
from jobs.models import Visit
from jobs.models.client_reference import visits_with
from jobs.models.job import MAX_REFERENCE
from jobs.models.metadata import SORTED_BY_ID
from jobs.submission.payload import MAX_METADATA_NAME, MAX_METADATA_VALUE, MAX_VISITED_BY

# Of the visits of one person, or with one value, those that are looked at: the last ones submitted.
MOST_FOUND = 1_000


@dataclass(frozen=True)
class ClientFilter:
    """`reference` is the client's own id of a visit, `by` who made it, `metadata` a pair: `name:value`."""

    user: User | AnonymousUser
    reference: str
    by: str
    metadata: str

    @classmethod
    def read(cls, given: Given, user: User | AnonymousUser) -> ClientFilter:
        return cls(
            user,
            verbatim(given, "reference", MAX_REFERENCE),
            verbatim(given, "by", MAX_VISITED_BY),
            verbatim(given, "metadata", MAX_METADATA_NAME + 1 + MAX_METADATA_VALUE),
        )

    @property
    def query(self) -> str:
        """What to add to a query string, with the `&` before it."""
        parts = {"reference": self.reference, "by": self.by, "metadata": self.metadata}
        return "".join(f"&{urlencode({name: value})}" for name, value in parts.items() if value)

    def narrow(self, visits: QuerySet[VisitSummary]) -> QuerySet[VisitSummary]:
        if self.reference:
            visits = visits.filter(visit_id__in=visits_with(self.reference))
        for found in self._found:
            visits = visits.filter(visit_id__in=found[:MOST_FOUND])
        return visits

    @property
    def notes(self) -> list[str]:
        notes = []
        if self.metadata and ":" not in self.metadata:
            notes.append("Metadata is searched as name:value; what was asked for is none, so all visits are shown.")
        if any(len(found) > MOST_FOUND for found in self._found):
            notes.append(f"Of so many visits, only the {MOST_FOUND:,} that were submitted last are looked at.")
        return notes

    @cached_property
    def _found(self) -> list[list[int]]:
        """Ids of visits of a person, and with a value, as far as each is asked for; as values, so that each is read
        once, by its index."""
        visits = Visit.objects.readable_by(self.user)
        found = []
        if self.by:
            found.append(visits.by(self.by).order_by("-visited_by", "-pk"))
        name, colon, value = self.metadata.partition(":")
        if colon:
            found.append(visits.with_metadata(name, value).order_by(SORTED_BY_ID.desc()))
        return [list(each.values_list("pk", flat=True)[: MOST_FOUND + 1]) for each in found]
