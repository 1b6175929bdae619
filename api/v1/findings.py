"""What was found about photos, and how often people found it to be right."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1 import pages, parameters
from api.v1.describe import describe
from api.v1.figures import FigureField
from api.v1.views import V1View
from insights.statistics import share
from jobs.submission.payload import MAX_STORE_ID
from photos.kinds import CHOICES, KINDS, Kind
from photos.looking import judged
from photos.models import Finding
from photos.newest import findings_about, newest_findings

FINDING = parameters.choice("finding", "Only those about whose photos this was found.", KINDS)
_KIND = parameters.choice("finding", "Findings of this kind.", KINDS)
_MOST_ID = 999_999_999
_JOB = parameters.integer("job", "Findings about photos of this job, by its id.", 1, _MOST_ID)
_STORE = parameters.text("store", "Findings about photos of this store, by its id as sent.", MAX_STORE_ID)


class FindingRow(serializers.Serializer[Finding]):
    """Something that was found about a photo; it may be worked out anew, and then change."""

    class Meta:
        ref_name = "PhotoFinding"  # its name in the OpenAPI document

    id = serializers.IntegerField(source="pk")
    finding = serializers.ChoiceField(source="code", choices=CHOICES)
    job_id = serializers.IntegerField()
    visit_id = serializers.IntegerField()
    image_id = serializers.IntegerField()
    store_id = serializers.CharField()
    day = serializers.DateField(
        allow_null=True,
        help_text="Of the visit, by the store's clock where it is known; null where its time could not be read.",
    )
    model = serializers.CharField(help_text="What found it: `rules`, or the name of a model.")
    version = serializers.CharField()
    details = serializers.DictField(
        help_text="What it is about, such as `sharpness`, `metres`, or the `image`, `job`, `visit` and `store` of the "
        "first photo that it is equal to."
    )
    found_at = serializers.DateTimeField()


class Findings(V1View):
    tag = "photos"
    parameters = {"GET": (_KIND, _JOB, _STORE, *parameters.PAGE)}

    @describe(summary="List findings about photos", responses=pages.page_of(FindingRow))
    def get(self, request: Request) -> Response:
        """Of jobs that the caller may read, the latest first; the filters combine."""
        asked, user, query = parameters.page_of(self.query), request.user, self.query
        code, job, store = query.get("finding"), query.get("job"), query.get("store")
        if job is not None or store is not None:
            page = asked.of(findings_about(user, code, job=job, store=store), newest_first=True, sort=True)
        else:
            codes = () if code is None else (code,)
            page = asked.page(list(newest_findings(user, codes, asked.after, asked.limit + 1)))
        return Response(pages.answer(FindingRow, page))


class FindingKindRow(serializers.Serializer[Kind]):
    """A kind of findings, and how often it was right on the photos of the jobs that the caller may read."""

    class Meta:
        ref_name = "FindingKind"

    finding = serializers.CharField(source="code")
    title = serializers.CharField()
    what = serializers.CharField()
    limits = serializers.CharField(help_text="What is not found, and what is found wrongly.")
    is_alert = serializers.BooleanField(help_text="Whether it raises an alert.")
    not_fine = serializers.SerializerMethodField(
        help_text="Of the visits with such a finding that somebody has judged: the share that was not fine."
    )

    def get_not_fine(self, kind: Kind) -> FigureField:
        found = self.context["judged"][kind.code]
        figure: Any = share(found.not_fine, found.visits, found.visits).as_json()
        return figure  # type: ignore[no-any-return]  # the annotation is for the documentation


class FindingKinds(V1View):
    tag = "photos"

    @describe(summary="List the kinds of findings about photos", responses=FindingKindRow(many=True))
    def get(self, request: Request) -> Response:
        """Each with its limits, and with how often visits that have it were judged not to be fine."""
        return Response(pages.list_of(FindingKindRow, KINDS.values(), judged=judged(request.user)))
