"""For whom alerts are raised: figures of others' jobs are in none that one may see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef

from access import rights
from insights.default_period import WEEKS
from insights.models import HostHour, VisitSummary
from insights.scope import Scope

# Users for whom alerts of their own jobs are raised; each takes a pass over their visits.
MOST_OWNERS = 100


@dataclass(frozen=True, slots=True)
class Audience:
    """Either all who may read all jobs, `of_all`, or the owner of jobs; without a number those are nobody's."""

    of_all: bool
    owner_id: int | None = None

    def condition(self, table: str) -> str:
        """SQL that holds for the rows of `table` that it may be told of; its parameter `owner` is `owner_id`."""
        if self.of_all:
            return "TRUE"
        return f"{table}.owner_id IS NULL" if self.owner_id is None else f"{table}.owner_id = %(owner)s"

    def reader(self) -> User | None:
        """Somebody who belongs to it, for what is asked on behalf of users; None is nobody."""
        if self.of_all:
            return rights.anybody_who_may_read_all_jobs()
        if self.owner_id is None:
            return None
        # Of the teams that somebody is in, nothing is kept or told: they may be others' tomorrow.
        return rights.reading_own_jobs_alone(User.objects.get(pk=self.owner_id))


EVERYBODY = Audience(of_all=True)


def audience_of(user: rights.Caller) -> Audience:
    """The one that a caller belongs to, whatever teams they are in."""
    if rights.may_read_all_jobs(user):
        return EVERYBODY
    owner = rights.owner_of(user)
    return Audience(of_all=False, owner_id=owner.pk if owner else None)


def audiences(since: datetime) -> Iterator[Audience]:
    """Everybody, then each owner of visits since then who may not read all jobs; at most MOST_OWNERS of them.

    Jobs that are nobody's have readers only where the API is open.
    """
    yield EVERYBODY
    if settings.API_OPEN and _is_there(None, since):
        yield Audience(of_all=False)
    visits = VisitSummary.objects.filter(owner_id=OuterRef("pk"), visited_at__gte=since)
    hours = HostHour.objects.filter(owner_id=OuterRef("pk"), hour__gte=since)
    owners = User.objects.filter(Exists(visits) | Exists(hours), is_active=True).order_by("pk")
    for user in owners[:MOST_OWNERS]:
        if not rights.may_read_all_jobs(user):
            yield Audience(of_all=False, owner_id=user.pk)


def period(audience: Audience, today: date) -> Scope:
    """Its visits of the WEEKS calendar weeks up to `today`: what pages and the API show where no days are named."""
    return Scope(audience.reader(), today - timedelta(days=today.weekday() + 7 * (WEEKS - 1)), today)


def _is_there(owner_id: int | None, since: datetime) -> bool:
    return VisitSummary.objects.filter(owner_id=owner_id, visited_at__gte=since).exists()
