"""The assignment's three endpoints: the order of steps, and nothing else. `problems` answers every error."""

import re
from collections.abc import Mapping

from django.http.response import HttpResponseBase
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access import rights
from access.models import Scope
from api import problems
from api.assignment import answers, visits
from api.idempotency import read_idempotency_token
from api.pagination import PageRequest
from jobs.models import Job
from jobs.pending_limit import TooManyPending
from jobs.submission.payload import parse_submission
from jobs.submission.submit import KeyReused, submit

# As this service writes them; for a number beyond every id the ORM finds nothing.
_JOB_ID = re.compile(r"[1-9][0-9]{0,18}")


class Submit(APIView):
    http_method_names = ["post"]
    scope = Scope.SUBMIT

    def post(self, request: Request) -> Response:
        payload = parse_submission(request.data, with_details=False)
        try:
            submitted = submit(
                payload.visits,
                owner=rights.owner_of(request.user),
                on_error=payload.on_error,
                idempotency=read_idempotency_token(request),
            )
        except KeyReused:
            raise problems.KeyTaken from None
        except TooManyPending as error:
            raise problems.TooManyPending(str(error)) from None
        headers = {"Idempotent-Replayed": "true"} if submitted.replayed else None
        return Response({"job_id": submitted.job_id}, status=201, headers=headers)


class Status(APIView):
    http_method_names = ["get", "head"]
    scope = Scope.READ

    def get(self, request: Request) -> HttpResponseBase:
        job = _find_job(request)
        if job is None:
            return Response({}, status=400)
        parameters = _read_parameters(request)
        match parameters.get("view"):
            case None:
                return answers.respond(answers.status(job))
            case "summary":
                return answers.respond(answers.summary(job))
            case "images":
                return answers.respond(answers.images(job, PageRequest.read(parameters)))
            case _:
                raise ParseError("view must be summary or images.")


class Visits(APIView):
    http_method_names = ["get", "head"]
    scope = Scope.READ

    def get(self, request: Request) -> Response:
        return Response(visits.search(request.user, _read_parameters(request)))


def _find_job(request: Request) -> Job | None:
    """The job that the query names; None where there is none that this user may see."""
    job_id = request.query_params.get("jobid", "")
    if not _JOB_ID.fullmatch(job_id):
        return None
    return answers.find(job_id, Job.objects.visible_to(request.user))


def _read_parameters(request: Request) -> Mapping[str, str]:
    """The query's parameters. Raises ParseError for a NUL, which PostgreSQL does not accept."""
    parameters = request.query_params.dict()
    if any("\0" in value for value in parameters.values()):
        raise ParseError("A query parameter holds a NUL character.")
    return parameters
