"""From when on something is found about photos, by category, and what other thresholds would find."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1 import pages, parameters, request_bodies
from api.v1.describe import describe
from api.v1.problems import not_found
from api.v1.store_settings import SettingsView, save
from api.v1.views import find_by_id, path_id
from photos.kinds import CHOICES
from photos.models import LIMITS, PhotoThresholds
from photos.preview import MOST_COUNTED, MOST_LOOKED_THROUGH, preview, thresholds_of
from stores.models import Category

_WHAT = {
    "blurred_below": "A photo of less sharpness is blurred; 0 finds none.",
    "dark_below": "A photo whose mean gray of 255 is below is dark; 0 finds none.",
    "hours_apart": "By the camera's clock, a photo may be taken so long before or after the visit.",
    "metres_apart": "By the camera's GPS, a photo may be taken so far from the store.",
}
_FIELDS: dict[str, Callable[[Any], Any]] = {
    name: request_bodies.number(lowest, highest) for name, (_, _, lowest, highest) in LIMITS.items()
}
_BODY = {
    "type": "object",
    "description": "What is left out stays as it is.",
    "properties": {
        name: {"type": "number", "minimum": lowest, "maximum": highest, "description": _WHAT[name]}
        for name, (_, _, lowest, highest) in LIMITS.items()
    },
    "additionalProperties": False,
}


class ThresholdsRow(serializers.Serializer[PhotoThresholds]):
    """The thresholds that hold for photos of a category's stores."""

    class Meta:
        ref_name = "PhotoThresholds"  # its name in the OpenAPI document

    category_id = serializers.IntegerField()
    category = serializers.CharField(source="category.name")
    blurred_below = serializers.FloatField(help_text=_WHAT["blurred_below"])
    dark_below = serializers.FloatField(help_text=_WHAT["dark_below"])
    hours_apart = serializers.FloatField(help_text=_WHAT["hours_apart"])
    metres_apart = serializers.FloatField(help_text=_WHAT["metres_apart"])
    updated_at = serializers.DateTimeField(allow_null=True, help_text="Null: the defaults hold.")


class AllThresholds(SettingsView):
    tag = "photos"
    parameters = {"GET": parameters.PAGE}

    @describe(summary="List thresholds of categories", responses=pages.page_of(ThresholdsRow))
    def get(self, request: Request) -> Response:
        """In the order in which they were set; for every other category the defaults hold."""
        page = parameters.page_of(self.query).of(PhotoThresholds.objects.order_by("pk").select_related("category"))
        return Response(pages.answer(ThresholdsRow, page))


class _OfCategory(SettingsView):
    tag = "photos"
    path_parameters = (path_id("category_id", "A category's id."),)

    def find_category(self, category_id: str) -> Category:
        return find_by_id(Category.objects.all(), category_id, "category")


class ThresholdsOfCategory(_OfCategory):
    @describe(summary="Read a category's thresholds", responses=ThresholdsRow)
    def get(self, request: Request, category_id: str) -> Response:
        """The defaults where it has none of its own."""
        return Response(ThresholdsRow(thresholds_of(self.find_category(category_id))).data)

    @describe(
        summary="Set a category's thresholds",
        request={"application/json": _BODY},
        responses=ThresholdsRow,
        examples=[OpenApiExample("Photos taken at night", {"dark_below": 25}, request_only=True)],
    )
    def patch(self, request: Request, category_id: str) -> Response:
        """All findings are worked out anew by an engine, as far as evidence is there; `:preview` tells how many.

        It takes the permission to change stores.
        """
        values = request_bodies.read_object(request.data, _FIELDS)
        thresholds = thresholds_of(self.find_category(category_id))
        for name, value in values.items():
            setattr(thresholds, name, value)
        save(thresholds)
        return Response(ThresholdsRow(thresholds).data)

    @describe(
        summary="Remove a category's thresholds",
        request=None,
        responses={204: OpenApiResponse(description="The defaults hold.")},
    )
    def delete(self, request: Request, category_id: str) -> Response:
        """404 where it has none of its own."""
        request_bodies.read_nothing(request.data)
        thresholds = thresholds_of(self.find_category(category_id))
        if thresholds.pk is None:
            raise not_found("thresholds of this category")
        thresholds.delete()
        return Response(status=204)


class BeyondRow(serializers.Serializer[Any]):
    """What is found by one threshold."""

    class Meta:
        ref_name = "BeyondThreshold"

    finding = serializers.ChoiceField(source="code", choices=CHOICES)
    n = serializers.IntegerField(min_value=0, help_text="Photos that can be judged by it.")
    now = serializers.IntegerField(min_value=0, help_text="Found with the threshold as it is.")
    then = serializers.IntegerField(min_value=0, help_text="Found with the threshold as it would be.")


class PreviewRow(serializers.Serializer[Any]):
    """What other thresholds would find. Nothing is changed by asking."""

    class Meta:
        ref_name = "ThresholdsPreview"

    photos = serializers.IntegerField(
        min_value=0,
        help_text=f"The latest of the category's stores in jobs that the caller may read, at most {MOST_COUNTED:,} and "
        f"among the latest {MOST_LOOKED_THROUGH:,} of all.",
    )
    results = BeyondRow(source="beyond", many=True)


class PreviewThresholds(_OfCategory):
    @describe(
        summary="Count what other thresholds would find",
        request={"application/json": _BODY},
        responses=PreviewRow,
        examples=[OpenApiExample("Less strict", {"blurred_below": 2, "dark_below": 40}, request_only=True)],
    )
    def post(self, request: Request, category_id: str) -> Response:
        """Of photos whose evidence is still there."""
        values = request_bodies.read_object(request.data, _FIELDS)
        return Response(PreviewRow(preview(request.user, self.find_category(category_id), values)).data)
