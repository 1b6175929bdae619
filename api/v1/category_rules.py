"""Rules of categories: priority, most images of a visit, hosts, smallest size."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.limits import HIGHEST_PRIORITY, LOWEST_PRIORITY
from api.v1 import pages, parameters, request_bodies
from api.v1.describe import describe
from api.v1.problems import not_found
from api.v1.store_settings import SettingsView, save
from api.v1.views import find_by_id, path_id
from stores.models import Category, CategoryRule
from stores.models.category_rule import MOST_HOSTS, MOST_IMAGES, MOST_PIXELS
from stores.rule_changes import changing_rule_of


class CategoryRuleRow(serializers.Serializer[CategoryRule]):
    """What is asked of images of a category's stores; null is nothing."""

    category_id = serializers.IntegerField()
    category = serializers.CharField(source="category.name")
    priority = serializers.IntegerField(
        min_value=LOWEST_PRIORITY,
        max_value=HIGHEST_PRIORITY,
        help_text="Added to the job's: one step is worth an hour of waiting.",
    )
    most_images = serializers.IntegerField(allow_null=True, help_text="Of one visit; others are too_many_for_category.")
    allowed_hosts = serializers.ListField(
        child=serializers.CharField(),
        help_text="Others are host_not_allowed. `*.photos.example` is every name below it; empty is any.",
    )
    min_width = serializers.IntegerField(
        allow_null=True, help_text="In pixels, of the image as stored; smaller ones are below_category_size."
    )
    min_height = serializers.IntegerField(allow_null=True)
    updated_at = serializers.DateTimeField()


def _hosts(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > MOST_HOSTS or not all(isinstance(host, str) for host in value):
        raise request_bodies.Unacceptable(f"must be a list of at most {MOST_HOSTS} strings")
    return value


_PIXELS = request_bodies.or_null(request_bodies.whole_number(1, MOST_PIXELS))
_FIELDS: dict[str, Callable[[Any], Any]] = {
    "priority": request_bodies.priority,
    "most_images": request_bodies.or_null(request_bodies.whole_number(1, MOST_IMAGES)),
    "allowed_hosts": _hosts,
    "min_width": _PIXELS,
    "min_height": _PIXELS,
}


def _nullable(highest: int) -> dict[str, Any]:
    return {"type": ["integer", "null"], "minimum": 1, "maximum": highest}


_BODY = {
    "type": "object",
    "description": "What is left out stays as it is.",
    "properties": {
        "priority": {"type": "integer", "minimum": LOWEST_PRIORITY, "maximum": HIGHEST_PRIORITY},
        "most_images": _nullable(MOST_IMAGES),
        "allowed_hosts": {"type": "array", "maxItems": MOST_HOSTS, "items": {"type": "string"}},
        "min_width": _nullable(MOST_PIXELS),
        "min_height": _nullable(MOST_PIXELS),
    },
    "additionalProperties": False,
}


class CategoryRules(SettingsView):
    parameters = {"GET": parameters.PAGE}

    @describe(summary="List rules of categories", responses=pages.page_of(CategoryRuleRow))
    def get(self, request: Request) -> Response:
        """In the order in which they were made. What violates a rule becomes a failed image, never a refused job."""
        page = parameters.page_of(self.query).of(CategoryRule.objects.select_related("category"))
        return Response(pages.answer(CategoryRuleRow, page))


class OneCategoryRule(SettingsView):
    path_parameters = (path_id("category_id", "A category's id."),)

    @describe(summary="Read a category's rule", responses=CategoryRuleRow)
    def get(self, request: Request, category_id: str) -> Response:
        """404 where the category has none."""
        return Response(CategoryRuleRow(self._find(category_id)).data)

    @describe(
        summary="Set a category's rule",
        request={"application/json": _BODY},
        responses=CategoryRuleRow,
        examples=[
            OpenApiExample(
                "Photos of our own host, at most ten of a visit",
                {"most_images": 10, "allowed_hosts": ["*.photos.example"], "min_width": 640, "min_height": 480},
                request_only=True,
            )
        ],
    )
    def patch(self, request: Request, category_id: str) -> Response:
        """Makes it where there is none. It holds for jobs submitted from now on, and for retries.

        It takes the permission to change stores, for a priority above 0 as well: the rule concerns all jobs alike.
        """
        values = request_bodies.read_object(request.data, _FIELDS)
        category = find_by_id(Category.objects.all(), category_id, "category")
        with changing_rule_of(category.pk) as rule:
            for name, value in values.items():
                setattr(rule, name, value)
            save(rule)
        return Response(CategoryRuleRow(rule).data)

    @describe(
        summary="Remove a category's rule",
        request=None,
        responses={204: OpenApiResponse(description="Images submitted from now on follow no rule.")},
    )
    def delete(self, request: Request, category_id: str) -> Response:
        """Images that have been submitted keep what it asked of them."""
        request_bodies.read_nothing(request.data)
        self._find(category_id).delete()
        return Response(status=204)

    def _find(self, category_id: str) -> CategoryRule:
        category = find_by_id(Category.objects.all(), category_id, "category")
        rule = CategoryRule.objects.filter(category=category).select_related("category").first()
        if rule is None:
            raise not_found("rule of this category")
        return rule
