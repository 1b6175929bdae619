"""Weights of areas: how fast an area's images move beside those of other areas in the same job."""

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1 import pages, parameters, request_bodies
from api.v1.describe import describe
from api.v1.store_settings import SettingsView, check
from stores.models import MAX_LENGTHS, AreaWeight
from stores.models.area_weight import HEAVIEST, LIGHTEST


class AreaWeightRow(serializers.Serializer[AreaWeight]):
    """An area whose images do not move as fast as those of others."""

    area = serializers.CharField(source="area_code")
    weight = serializers.FloatField(min_value=LIGHTEST, max_value=HEAVIEST)


_BODY = {
    "type": "object",
    "properties": {
        "area": {"type": "string", "minLength": 1, "maxLength": MAX_LENGTHS["area_code"]},
        "weight": {"type": "number", "minimum": LIGHTEST, "maximum": HEAVIEST},
    },
    "required": ["area", "weight"],
    "additionalProperties": False,
}


class AreaWeights(SettingsView):
    parameters = {"GET": parameters.PAGE}

    @describe(summary="List weights of areas", responses=pages.page_of(AreaWeightRow))
    def get(self, request: Request) -> Response:
        """Of the areas for which one was set; all others have the weight 1."""
        return Response(pages.answer(AreaWeightRow, parameters.page_of(self.query).of(AreaWeight.objects.all())))

    @describe(
        summary="Set an area's weight",
        request={"application/json": _BODY},
        responses=AreaWeightRow,
        examples=[OpenApiExample("Twice as fast", {"area": "HILL-03", "weight": 2}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Of two areas of a job with as many images, the one of weight 2 is done when the other is at half.

        It holds for jobs submitted from now on. The job as a whole is neither sooner nor later for it.
        """
        fields = {
            "area": request_bodies.text(MAX_LENGTHS["area_code"]),
            "weight": request_bodies.number(LIGHTEST, HEAVIEST),
        }
        values = request_bodies.read_object(request.data, fields, ("area", "weight"))
        row = AreaWeight(area_code=values["area"], weight=values["weight"])
        check(row)
        row, _ = AreaWeight.objects.update_or_create(area_code=row.area_code, defaults={"weight": row.weight})
        return Response(AreaWeightRow(row).data)
