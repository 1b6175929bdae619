"""The filters in a page's address; the same words as in the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet

from dashboard.parameters import number
from jobs.models import ImageFilter, ImageResult, Job, Visit
from jobs.models.client_reference import referred
from jobs.models.job import JobQuerySet
from jobs.states import ImageState, JobOutcome, JobState

# The largest id that the database holds.
_MOST = 2**63 - 1
# Characters of a search: room for the ids of a hundred jobs.
LONGEST_SEARCH = 2000


@dataclass(frozen=True, slots=True)
class JobFilter:
    """`stage` is a job's state or its outcome, `q` a store's id, an owner's name or a client's reference, each as
    written, or ids of jobs."""

    stage: str = ""
    q: str = ""

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> "JobFilter":
        """What is not understood is left out, as if it were absent: a page always shows something."""
        stage = parameters.get("stage", "")
        known = {*JobState.values, *JobOutcome.values}
        return cls(stage if stage in known else "", parameters.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH])

    @property
    def query(self) -> str:
        """The query string of an address."""
        return urlencode({name: value for name, value in (("stage", self.stage), ("q", self.q)) if value})

    def of(self, user: User | AnonymousUser) -> JobQuerySet:
        """The jobs that `user` may see and that match, `with_running`."""
        return self.of_all().visible_to(user)

    def of_all(self) -> JobQuerySet:
        """The jobs that match, whoever may see them, `with_running`."""
        jobs = Job.objects.with_running()
        if self.stage in JobOutcome.values:
            jobs = jobs.with_outcome(JobOutcome(self.stage))
        elif self.stage:
            jobs = jobs.in_state(JobState(self.stage))
        return jobs.filter(pk__in=self._matching()) if self.q else jobs

    def _matching(self) -> QuerySet[Any, Any]:
        """The ids of the jobs that are found, each kind by its own index."""
        found = [
            Visit.objects.filter(store_id=self.q).values("job"),
            Job.objects.filter(owner__in=list(User.objects.filter(username=self.q))).values("pk"),
        ]
        has_it = referred(self.q)
        if has_it.jobs:
            found.append(Job.objects.filter(pk__in=has_it.jobs).values("pk"))
        if has_it.visits:
            found.append(Visit.objects.filter(pk__in=has_it.visits).values("job"))
        if has_it.images:
            found.append(ImageResult.objects.filter(pk__in=has_it.images).values("job"))
        words = self.q.replace(",", " ").split()
        if all(word.isascii() and word.isdecimal() for word in words):
            ids = [int(word) for word in words if len(word) < 20 and int(word) <= _MOST]
            found.append(Job.objects.filter(pk__in=ids).values("pk"))
        return found[0].union(*found[1:])


def read_image_filter(parameters: Mapping[str, str]) -> ImageFilter:
    """The filter of a page of images. An empty host or area is a value to filter by; an empty state or code is none."""
    state = parameters.get("state", "")
    return ImageFilter(
        state=state if state in ImageState.values else None,
        code=_text(parameters, "code") or None,
        host=_text(parameters, "host"),
        store=_text(parameters, "store") or None,
        area=_text(parameters, "area"),
        group=number(parameters, "group"),
    )


def _text(parameters: Mapping[str, str], name: str) -> str | None:
    text = parameters.get(name)
    return None if text is None else text.replace("\0", "")[:255]
