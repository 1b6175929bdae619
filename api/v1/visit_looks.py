"""Visits whose photos need a look, and what people decide about them."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access import rights
from access.models import Scope
from api.v1 import pages, parameters, problems, request_bodies
from api.v1.describe import describe
from api.v1.problem_types import Problem
from api.v1.views import V1View, find_by_id, path_id
from jobs.models import Job, Visit
from jobs.submission.payload import MAX_STORE_ID
from photos.kinds import CHOICES, REASONS
from photos.looking import judge, needs_a_look, withdraw
from photos.models import VisitLook, VisitVerdict
from stores.models.store import MAX_LENGTHS


class VisitLookRow(serializers.Serializer[VisitLook]):
    """A visit that needs a look, and why."""

    class Meta:
        ref_name = "VisitLook"  # its name in the OpenAPI document

    visit_id = serializers.IntegerField()
    job_id = serializers.IntegerField()
    store_id = serializers.CharField()
    day = serializers.DateField(allow_null=True, help_text="Of the visit, by the store's clock where it is known.")
    reasons = serializers.ListField(child=serializers.ChoiceField(choices=list(REASONS)))
    image_id = serializers.IntegerField(help_text="A photo that shows the first of them.")


class NeedsALook(V1View):
    tag = "photos"
    parameters = {
        "GET": (
            parameters.choice("reason", "Visits that need a look for this reason.", REASONS),
            parameters.text("store", "Visits of this store, by its id as sent.", MAX_STORE_ID),
            parameters.text("area", "Visits of stores in this area.", MAX_LENGTHS["area_code"]),
            parameters.boolean("judged", "Those that somebody has judged, instead of those that nobody has."),
            *parameters.PAGE,
        )
    }

    @describe(summary="List visits whose photos need a look", responses=pages.page_of(VisitLookRow))
    def get(self, request: Request) -> Response:
        """Of jobs that the caller may read, the latest first; the filters combine.

        A visit needs a look where no photo shows the store's name, where every photo that was looked at is blurred or
        dark, and where a photo equals one of another store.
        """
        page = parameters.page_of(self.query)
        looks = needs_a_look(request.user, **self.query, before=page.after, limit=page.limit + 1)
        return Response(pages.answer(VisitLookRow, page.page(list(looks))))


class VerdictRow(serializers.Serializer[VisitVerdict]):
    """What somebody has decided about a visit's photos."""

    class Meta:
        ref_name = "VisitVerdict"

    visit_id = serializers.IntegerField()
    fine = serializers.BooleanField(source="is_fine")
    findings = serializers.ListField(
        source="codes",
        child=serializers.ChoiceField(choices=CHOICES),
        help_text="What was found about the visit's photos at that time.",
    )
    decided_at = serializers.DateTimeField()
    decided_by = serializers.CharField(source="decided_by_name", help_text="Empty without credentials.")


_BODY = {
    "type": "object",
    "properties": {"fine": {"type": "boolean", "description": "Whether the visit's photos are fine."}},
    "required": ["fine"],
    "additionalProperties": False,
}


class Verdict(V1View):
    tag = "photos"
    path_parameters = (path_id("visit_id", "A visit's id."),)
    scopes = {"POST": Scope.MANAGE, "DELETE": Scope.MANAGE}

    @describe(summary="Read what was decided about a visit's photos", responses=VerdictRow)
    def get(self, request: Request, visit_id: str) -> Response:
        """404 where nobody has decided anything."""
        verdict = VisitVerdict.objects.filter(pk=self._find(visit_id).pk).first()
        if verdict is None:
            raise problems.not_found(f"verdict about visit {visit_id[:20]}")
        return Response(VerdictRow(verdict).data)

    @describe(
        summary="Decide whether a visit's photos are fine",
        request={"application/json": _BODY},
        responses=VerdictRow,
        examples=[OpenApiExample("They are", {"fine": True}, request_only=True)],
    )
    def post(self, request: Request, visit_id: str) -> Response:
        """Takes the visit off the list of those that need a look, and counts for how often findings are right.

        Whoever may change the visit's job may decide, and decide anew.
        """
        visit = self._find(visit_id)
        values = request_bodies.read_object(request.data, {"fine": request_bodies.boolean}, required=("fine",))
        return Response(VerdictRow(judge(visit, request.user, timezone.now(), is_fine=values["fine"])).data)

    @describe(
        summary="Take a decision about a visit's photos back",
        request=None,
        responses={204: OpenApiResponse(description="Nobody has decided anything about the visit.")},
    )
    def delete(self, request: Request, visit_id: str) -> Response:
        """404 where there is none."""
        visit = self._find(visit_id)
        request_bodies.read_nothing(request.data)
        if not withdraw(visit):
            raise problems.not_found(f"verdict about visit {visit_id[:20]}")
        return Response(status=204)

    def _find(self, visit_id: str) -> Visit:
        """Raises the same Refusal for a missing visit and for one that the caller may not read."""
        jobs: Any = Job.objects.visible_to(self.request.user)
        visits = Visit.objects.filter(job__in=jobs).with_job()
        visit = find_by_id(visits, visit_id, "visit")
        if self.request.method not in ("GET", "HEAD") and not rights.may_change_job(self.request.user, visit.job):
            raise problems.Refusal(
                Problem.NOT_ALLOWED,
                f"You may read visit {visit.pk}, but it takes the permission to change jobs to do this.",
            )
        return visit
