from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

from access import rights

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


class OwnedQuerySet[Row: models.Model](models.QuerySet[Row]):
    def visible_to(self, user: User | AnonymousUser | None) -> Self:
        """Of jobs that `user` may read, see `access/rights.py`."""
        return rights.readable(self, user)


class Owned(models.Model):
    """A row about something of a visit: whose, and where, so that it is found without joins.

    It refers to them by their values, and is deleted with its image, see `jobs/deletion/`.
    """

    visit_id = models.BigIntegerField()
    job_id = models.BigIntegerField()
    # Null is nobody's: a job that was submitted without credentials.
    owner_id = models.BigIntegerField(null=True, blank=True)
    store_id = models.CharField(max_length=64)

    class Meta:
        abstract = True
