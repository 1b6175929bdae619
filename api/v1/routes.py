"""The order in which to visit stores."""

from typing import Any

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1 import request_bodies
from api.v1.describe import describe
from api.v1.problem_types import Problem
from api.v1.problems import Refusal, pointer
from api.v1.views import V1View
from insights.routes import (
    MOST_STOPS,
    CoordinatesMissing,
    Pace,
    Route,
    RouteRefused,
    Stop,
    TooManyStops,
    UnknownStores,
    find_route,
)
from jobs.submission.payload import MAX_STORE_ID, InvalidPayload
from jobs.submission.payload import Problem as Fault

_USUAL = Pace()
# Lowest and highest.
MINUTES, SPEEDS, FACTORS = (0, 1440), (1, 200), (1, 5)
_ID = {"type": "string", "minLength": 1, "maxLength": MAX_STORE_ID}
_FIELDS = {
    "stores": request_bodies.store_ids(MOST_STOPS),
    "start": request_bodies.store_id,
    "end": request_bodies.store_id,
    "minutes_per_stop": request_bodies.number(*MINUTES),
    "speed_kmh": request_bodies.number(*SPEEDS),
    "road_factor": request_bodies.number(*FACTORS),
}
_BODY = {
    "type": "object",
    "properties": {
        "stores": {
            "type": "array",
            "items": _ID,
            "minItems": 1,
            "maxItems": MOST_STOPS,
            "uniqueItems": True,
            "description": "Ids of stores, in the order with which the route is compared.",
        },
        "start": {**_ID, "description": "The store to begin at; by default any. It need not be among `stores`."},
        "end": {**_ID, "description": "The store to end at; by default any. The same as `start` is a round trip."},
        "minutes_per_stop": {
            "type": "number", "minimum": MINUTES[0], "maximum": MINUTES[1], "default": _USUAL.minutes_per_stop
        },
        "speed_kmh": {"type": "number", "minimum": SPEEDS[0], "maximum": SPEEDS[1], "default": _USUAL.speed_kmh},
        "road_factor": {
            "type": "number", "minimum": FACTORS[0], "maximum": FACTORS[1], "default": _USUAL.road_factor,
            "description": "How much longer roads are than the straight line.",
        },
    },
    "required": ["stores"],
    "additionalProperties": False,
}  # fmt: skip


class RouteStop(serializers.Serializer[Stop]):
    """One stop, and the leg that leads to it."""

    store_id = serializers.CharField(source="store.store_id")
    name = serializers.CharField(source="store.name")
    area = serializers.CharField(source="store.area_code")
    latitude = serializers.FloatField(source="store.latitude", help_text="In degrees.")
    longitude = serializers.FloatField(source="store.longitude")
    km = serializers.FloatField(min_value=0, help_text="From the stop before; 0 at the first.")
    minutes = serializers.FloatField(min_value=0, help_text="Of the drive from the stop before.")
    total_km = serializers.FloatField(min_value=0, help_text="Since the first stop.")
    total_minutes = serializers.FloatField(
        min_value=0, help_text="Since the beginning, on arrival, with the time spent at the stops before."
    )


class RouteAnswer(serializers.Serializer[Route]):
    """A route. No map is asked: every km is a straight line times `road_factor`."""

    class Meta:
        ref_name = "Route"

    distance = serializers.SerializerMethodField(help_text="How distances were measured, in words.")
    minutes_per_stop = serializers.SerializerMethodField()
    speed_kmh = serializers.SerializerMethodField()
    road_factor = serializers.SerializerMethodField()
    km = serializers.FloatField(min_value=0)
    minutes = serializers.FloatField(min_value=0, help_text="With the time spent at every stop.")
    given_km = serializers.FloatField(min_value=0, help_text="In the order in which the stores were given.")
    saved_km = serializers.FloatField(min_value=0, help_text="`given_km` - `km`.")
    saved_minutes = serializers.FloatField(min_value=0)
    stops = RouteStop(many=True, help_text="In their order; a round trip ends with its first store.")

    def get_distance(self, route: Route) -> str:
        return f"straight line x {self._pace.road_factor:g}"

    def get_minutes_per_stop(self, route: Route) -> float:
        return self._pace.minutes_per_stop

    def get_speed_kmh(self, route: Route) -> float:
        return self._pace.speed_kmh

    def get_road_factor(self, route: Route) -> float:
        return self._pace.road_factor

    @property
    def _pace(self) -> Pace:
        pace: Pace = self.context["pace"]
        return pace


class Routes(V1View):
    http_method_names = ["post"]
    tag = "stores"
    refusals = {"POST": (422,)}

    @describe(
        summary="Find a short route",
        request={"application/json": _BODY},
        responses=RouteAnswer,
        examples=[OpenApiExample("Three stores", {"stores": ["DEMO0003", "DEMO0001", "DEMO0002"]}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """The order in which to visit the stores, with its legs, km and minutes, and what it saves; nothing is stored.

        422 where stores are not in the store master, or have no coordinates: `errors` lists them all.
        """
        body = request_bodies.read_object(request.data, _FIELDS, ("stores",))
        stores, start, end = body.pop("stores"), body.pop("start", None), body.pop("end", None)
        pace = Pace(**body)
        try:
            route = find_route(stores, start, end, pace)
        except TooManyStops as refused:
            raise InvalidPayload([Fault(("stores",), f"are too many: {refused}"[:-1])]) from None
        except (UnknownStores, CoordinatesMissing) as refused:
            raise _refusal(refused, stores, start, end) from None
        return Response(RouteAnswer(route, context={"pace": pace}).data)


def _refusal(refused: RouteRefused, stores: list[str], start: str | None, end: str | None) -> Refusal:
    is_unknown = isinstance(refused, UnknownStores)
    sentence = "The store is not in the store master." if is_unknown else "The store has no coordinates."
    places: dict[Any, tuple[str | int, ...]] = {end: ("end",), start: ("start",)}
    places |= {store_id: ("stores", at) for at, store_id in enumerate(stores)}
    errors = [
        {"pointer": pointer(places[store_id]), "store_id": store_id, "detail": sentence}
        for store_id in refused.store_ids
    ]
    return Refusal(Problem.UNKNOWN_STORES if is_unknown else Problem.COORDINATES_MISSING, str(refused), errors=errors)
