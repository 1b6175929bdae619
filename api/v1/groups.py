"""Groups of stores: by a rule, or by hand."""

from typing import Any

from django.core.exceptions import ValidationError
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access import rights
from access.models import Scope
from api.v1 import pages, parameters, request_bodies
from api.v1.describe import describe
from api.v1.problem_types import Problem
from api.v1.problems import Refusal, pointer
from api.v1.stores import StorePage, StoreRow
from api.v1.views import V1View, find_by_id, path_id
from jobs.submission.payload import InvalidPayload
from jobs.submission.payload import Problem as Fault
from stores import groups
from stores.models import MAX_LENGTHS, Category, StoreGroup
from stores.models.category import MAX_CATEGORY
from stores.models.group import MAX_GROUP, MAX_NAME_PART

GROUP_ID = path_id("group_id", "A group's id.")
_NEEDS = "It takes the permission to change stores to change groups of them."
_FIELDS = {
    "name": request_bodies.text(MAX_GROUP),
    "area": request_bodies.text(MAX_LENGTHS["area_code"]),
    "category": request_bodies.text(MAX_CATEGORY),
    "name_part": request_bodies.text(MAX_NAME_PART),
}
_PROPERTIES: dict[str, Any] = {
    "name": {"type": "string", "minLength": 1, "maxLength": MAX_GROUP, "description": "No other group has it."},
    "area": {"type": "string", "maxLength": MAX_LENGTHS["area_code"], "description": "Stores in this area."},
    "category": {"type": "string", "maxLength": MAX_CATEGORY, "description": "Stores of this category, by its name."},
    "name_part": {
        "type": "string",
        "maxLength": MAX_NAME_PART,
        "description": "Stores whose name contains this, ignoring case.",
    },
}
_BODY = {"type": "object", "properties": _PROPERTIES, "additionalProperties": False}
_EXAMPLE = {"name": "Northern bakeries", "area": "N-1", "name_part": "bak"}
_IDS = {
    "type": "array",
    "items": {"type": "string", "minLength": 1, "maxLength": MAX_LENGTHS["store_id"]},
    "maxItems": groups.MOST_AT_ONCE,
    "uniqueItems": True,
}
_MEMBERS = {"type": "object", "properties": {"add": _IDS, "remove": _IDS}, "additionalProperties": False}


class GroupRow(serializers.Serializer[StoreGroup]):
    """One group. Its rule is what is not empty of `area`, `category` and `name_part`, all of it."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    area = serializers.CharField()
    category = serializers.SerializerMethodField()
    name_part = serializers.CharField()
    links = serializers.SerializerMethodField()

    def get_category(self, group: StoreGroup) -> str:
        return group.category.name if group.category else ""

    @extend_schema_field(
        {
            "type": "object",
            "properties": {name: {"type": "string", "format": "uri-reference"} for name in ("stores", "members")},
            "required": ["stores", "members"],
        }
    )
    def get_links(self, group: StoreGroup) -> dict[str, str]:
        return {
            "stores": f"{reverse('v1:stores')}?group={group.pk}",
            "members": reverse("v1:group-members", args=[group.pk]),
        }


class Group(GroupRow):
    """One group, and how many stores it has."""

    class Meta:
        ref_name = "StoreGroup"

    stores = serializers.SerializerMethodField(
        help_text=f"Stores in it, by rule or by hand, counted up to {groups.MOST_COUNTED:,}."
    )
    matching = serializers.SerializerMethodField(
        help_text=f"Stores that its rule finds, counted up to {groups.MOST_COUNTED:,}; 0 without a rule."
    )
    by_hand = serializers.IntegerField(source="by_hand.count", min_value=0)

    def get_stores(self, group: StoreGroup) -> int:
        return groups.counted(group.stores())

    def get_matching(self, group: StoreGroup) -> int:
        return groups.counted(group.matching())


class _GroupView(V1View):
    tag = "groups"

    def find_group(self, group_id: str) -> StoreGroup:
        """Raises a Refusal where there is none, or where a request to change it comes from somebody who may not."""
        if self.request.method not in ("GET", "HEAD"):
            self.require_right()
        return find_by_id(StoreGroup.objects.select_related("category"), group_id, "group")

    def require_right(self) -> None:
        if not rights.may_change_groups(self.request.user):
            raise Refusal(Problem.NOT_ALLOWED, _NEEDS)

    def save(self, group: StoreGroup, values: dict[str, str]) -> None:
        """Raises InvalidPayload."""
        if (category := values.pop("category", None)) is not None:
            group.category = Category.objects.filter(name=category).first()
            if category and not group.category:
                raise InvalidPayload([Fault(("category",), "is no category's name")])
        for field, value in values.items():
            setattr(group, field, value)
        try:
            groups.save(group)
        except ValidationError as error:
            raise request_bodies.refused(error) from None


class Groups(_GroupView):
    scopes = {"POST": Scope.STORES}
    parameters = {"GET": parameters.PAGE}

    @describe(summary="List groups", responses=pages.page_of(GroupRow))
    def get(self, request: Request) -> Response:
        """In the order in which they were made."""
        found = StoreGroup.objects.select_related("category").order_by("pk")
        return Response(pages.answer(GroupRow, parameters.page_of(self.query).of(found)))

    @describe(
        summary="Make a group",
        request={"application/json": {**_BODY, "required": ["name"]}},
        responses={201: Group},
        examples=[OpenApiExample("By a rule", _EXAMPLE, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """By a rule, if it has one; stores are put in by hand at `members`. It takes the permission to change stores.

        Texts are trimmed.
        """
        self.require_right()
        group = StoreGroup()
        self.save(group, request_bodies.read_object(request.data, _FIELDS, ("name",)))
        return Response(Group(group).data, status=201, headers={"Location": reverse("v1:group", args=[group.pk])})


class OneGroup(_GroupView):
    scopes = {"PATCH": Scope.STORES, "DELETE": Scope.STORES}
    path_parameters = (GROUP_ID,)

    @describe(summary="Read a group", responses=Group)
    def get(self, request: Request, group_id: str) -> Response:
        """With its rule, and how many stores it has."""
        return Response(Group(self.find_group(group_id)).data)

    @describe(summary="Change a group", request={"application/json": _BODY}, responses=Group)
    def patch(self, request: Request, group_id: str) -> Response:
        """Its name or its rule; an empty text leaves that part of the rule out.

        It takes the permission to change stores.
        """
        self.find_group(group_id)
        values = request_bodies.read_object(request.data, _FIELDS)
        with groups.changing(int(group_id)) as group:
            self.save(group, values)
        return Response(Group(group).data)

    @describe(summary="Delete a group", request=None, responses={204: OpenApiResponse(description="It is deleted.")})
    def delete(self, request: Request, group_id: str) -> Response:
        """Its stores stay. Lists that are narrowed to it are empty from then on.

        It takes the permission to change stores.
        """
        request_bodies.read_nothing(request.data)
        groups.delete(self.find_group(group_id).pk)
        return Response(status=204)


class Members(_GroupView):
    scopes = {"POST": Scope.STORES}
    parameters = {"GET": parameters.PAGE}
    path_parameters = (GROUP_ID,)
    refusals = {"POST": (409, 422)}

    @describe(summary="List a group's stores by hand", responses=StorePage)
    def get(self, request: Request, group_id: str) -> Response:
        """Those that were put in by hand; all of its stores are `stores?group=`."""
        stores = self.find_group(group_id).by_hand.all()
        return Response(pages.answer(StoreRow, parameters.page_of(self.query).of(stores)))

    @describe(
        summary="Put stores into a group, or take them out",
        request={"application/json": _MEMBERS},
        responses=Group,
    )
    def post(self, request: Request, group_id: str) -> Response:
        """By hand, all of them or none. What the rule finds stays in the group.

        It takes the permission to change stores. 409 where more than 10,000 would be in it by hand.
        """
        group = self.find_group(group_id)
        read = request_bodies.store_ids(groups.MOST_AT_ONCE, least=0)
        body = request_bodies.read_object(request.data, {"add": read, "remove": read})
        added = body.get("add", [])
        with groups.changing(group.pk):
            groups.take(group, body.get("remove", []))
            try:
                unknown = set(groups.put(group, added))
            except groups.TooManyByHand as refused:
                raise Refusal(Problem.CONFLICT, str(refused)) from None
            if unknown:
                raise Refusal(
                    Problem.UNKNOWN_STORES,
                    Problem.UNKNOWN_STORES.value.explanation,
                    errors=[
                        {
                            "pointer": pointer(("add", at)),
                            "store_id": store_id,
                            "detail": "The store is not in the store master.",
                        }
                        for at, store_id in enumerate(added)
                        if store_id in unknown
                    ],
                )
        return Response(Group(group).data)
