"""What all endpoints of v1 have in common."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.views import APIView

from access import rights
from access.models import Scope
from api.v1 import problems
from api.v1.parameters import Parameter, read_all
from api.v1.problem_types import Problem
from jobs.models import Job

# As this service writes them; for a number beyond every id the ORM finds nothing.
_ID = re.compile(r"[1-9][0-9]{0,18}")


def path_id(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, {"type": "integer", "minimum": 1}, "path", required=True, description=description)


JOB_ID = path_id("job_id", "A job's id.")


class V1View(APIView):
    """Each method of a view names its scope and its query parameters; by default the scope is READ, without parameters.

    `query` holds the parameters' values, by name. `refusals` are statuses of a method besides those that every
    operation may answer: they, `tag` and `path_parameters` only serve the documentation.
    """

    http_method_names = ["get", "head", "post", "patch", "delete"]
    scopes: ClassVar[Mapping[str, Scope]] = {}
    parameters: ClassVar[Mapping[str, Sequence[Parameter]]] = {}
    refusals: ClassVar[Mapping[str, Sequence[int]]] = {}
    path_parameters: ClassVar[Sequence[OpenApiParameter]] = ()
    tag: ClassVar[str] = "jobs"

    query: dict[str, Any]

    @property
    def scope(self) -> Scope:
        return self.scopes.get(self.request.method or "", Scope.READ)

    def get_exception_handler(self) -> Callable[..., Any]:
        return problems.answer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        method = "GET" if request.method == "HEAD" else request.method or ""
        if method in self.allowed_methods:
            self.query = read_all(request.query_params, self.parameters.get(method, ()))


class JobView(V1View):
    """A view of one job, or of something that belongs to it."""

    path_parameters: ClassVar[Sequence[OpenApiParameter]] = (JOB_ID,)

    def find_job(self, job_id: str) -> Job:
        """The job, `with_running`, which a request other than GET must be allowed to change, or to delete.

        Raises the same Refusal for a missing job and for one that the caller may not read.
        """
        jobs = Job.objects.with_running().visible_to(self.request.user).select_related("owner")
        job = jobs.filter(pk=job_id).first() if _ID.fullmatch(job_id) else None
        if job is None:
            raise problems.not_found(f"job {job_id[:20]}")
        if self.request.method not in SAFE_METHODS:
            self._require_right(job)
        return job

    def _require_right(self, job: Job) -> None:
        is_deleting = self.request.method == "DELETE"
        if not (rights.may_delete_job if is_deleting else rights.may_change_job)(self.request.user, job):
            raise problems.Refusal(
                Problem.NOT_ALLOWED,
                f"You may read job {job.pk}, but it takes the permission to {'delete' if is_deleting else 'change'} "
                "jobs to do this.",
            )


def find_by_id[Row: Model](rows: QuerySet[Row], row_id: str, what: str) -> Row:
    """The row of the queryset `rows` with this id. Raises a Refusal."""
    row = rows.filter(pk=row_id).first() if _ID.fullmatch(row_id) else None
    if row is None:
        raise problems.not_found(f"{what} {row_id[:20]}")
    return row


def require_priority(request: Request, priority: int) -> None:
    """That the caller may give a job, which they may submit or change, this priority. Raises a Refusal."""
    if not rights.may_prioritize(request.user, priority):
        raise problems.Refusal(Problem.NOT_ALLOWED, rights.needs_prioritize(request.user))
