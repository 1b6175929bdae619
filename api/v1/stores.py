"""The store master: reading it, and choosing a store's category."""

from typing import Any
from urllib.parse import quote

from django.contrib.auth.models import User
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from access import rights
from access.models import Scope
from api.v1 import pages, parameters, problems, request_bodies
from api.v1.describe import describe
from api.v1.problem_types import Problem
from api.v1.views import V1View
from jobs.submission.payload import InvalidPayload
from jobs.submission.payload import Problem as FieldFault
from stores import categorising
from stores.models import MAX_LENGTHS, Category, Store
from stores.models.category import MAX_CATEGORY

STORE_ID = OpenApiParameter(
    "store_id",
    {"type": "string", "minLength": 1, "maxLength": MAX_LENGTHS["store_id"]},
    "path",
    required=True,
    description="A store's id, percent-encoded. An id that is `.` or `..`, or ends in `/` or `/visits`, cannot be "
    "used in a path: filter the lists with `store_id=` and `store=` instead.",
)
_FILTERS = (
    parameters.text("store_id", "The store with exactly this id.", MAX_LENGTHS["store_id"]),
    parameters.text("area", "Stores in this area.", MAX_LENGTHS["area_code"]),
    parameters.text("category", "Stores of the category of this name; empty: uncategorised ones.", MAX_CATEGORY),
    parameters.GROUP,
    parameters.text("q", "Stores whose id or name contains this text, ignoring case.", MAX_LENGTHS["name"]),
)


class StoreRow(serializers.Serializer[Store]):
    """One store of the store master."""

    store_id = serializers.CharField(help_text="Opaque text, compared as written.")
    name = serializers.CharField(help_text="Not unique: stores of a chain share one.")
    area = serializers.CharField(source="area_code")
    category = serializers.SerializerMethodField(help_text="Its name; null where it is uncategorised.")
    category_why = serializers.CharField(
        help_text="By which word of the name, or by whom it was chosen; empty where no word tells a category."
    )
    category_by_hand = serializers.BooleanField(help_text="Whether a person chose it: then no rule changes it.")
    latitude = serializers.FloatField(allow_null=True, min_value=-90, max_value=90, help_text="Degrees north.")
    longitude = serializers.FloatField(allow_null=True, min_value=-180, max_value=180, help_text="Degrees east.")
    timezone = serializers.CharField(help_text="Of the store's clock, such as `Asia/Kolkata`; empty if not known.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    links = serializers.SerializerMethodField()

    @extend_schema_field({"type": ["string", "null"]})
    def get_category(self, store: Store) -> str | None:
        return store.category.name if store.category else None

    @extend_schema_field(
        {
            "type": "object",
            "properties": {"visits": {"type": "string", "format": "uri-reference"}},
            "required": ["visits"],
        }
    )
    def get_links(self, store: Store) -> dict[str, str]:
        # As a query, which can hold every id.
        return {"visits": f"{reverse('v1:visits')}?store={quote(store.store_id, safe='')}"}


class CategoryChoice(serializers.Serializer[Any]):
    """One of the two."""

    category = serializers.CharField(
        required=False, allow_null=True, max_length=MAX_CATEGORY, help_text="A category's name; null for none."
    )
    category_by_hand = serializers.BooleanField(required=False, help_text="`false` leaves the store to the rules.")


def require_editor(request: Request) -> None:
    """Raises NotAuthenticated or a Refusal, even where the API is open: a choice is somebody's."""
    if not isinstance(request.user, User):
        raise NotAuthenticated("Sign in to edit categories, or send an API key or a token as Authorization: Bearer.")
    if not rights.may_edit_categories(request.user):
        raise problems.Refusal(Problem.NOT_ALLOWED, "Editing categories needs the permission to change stores.")


def changed(store: Store, request: Request) -> Store:
    """By the body of a PATCH. Raises InvalidPayload."""
    fields = {"category": read_category, "category_by_hand": _not_by_hand}
    values = request_bodies.read_object(request.data, fields)
    if len(values) != 1:
        raise InvalidPayload([FieldFault((), "must have either category or category_by_hand")])
    if "category" in values:
        categorising.choose(store, values["category"], request.user.get_username())
    else:
        categorising.leave_to_rules(store)
    return store


def read_category(value: Any) -> Category | None:
    """By its name. Raises Unacceptable."""
    if value is None:
        return None
    name = request_bodies.text(MAX_CATEGORY)(value)
    category = Category.objects.filter(name=name).first() if "\0" not in name else None
    if category is None:
        raise request_bodies.Unacceptable("names no category, see GET /api/v1/categories")
    return category


def _not_by_hand(value: Any) -> bool:
    if value is not False:
        raise request_bodies.Unacceptable("may only be false; a category is chosen by its name")
    return value


StorePage = pages.page_of(StoreRow)


class StoreView(V1View):
    tag = "stores"

    def find_store(self, store_id: str) -> Store:
        """Raises a Refusal where there is none."""
        stores = Store.objects.select_related("category")
        store = None if "\0" in store_id else stores.filter(store_id=store_id).first()
        if store is None:
            raise problems.not_found("store with this id")
        return store


class Stores(StoreView):
    scopes = {"PATCH": Scope.STORES}
    refusals = {"PATCH": (404,)}
    parameters = {"GET": (*_FILTERS, *parameters.PAGE), "PATCH": _FILTERS[:1]}

    @describe(summary="List stores", responses=StorePage)
    def get(self, request: Request) -> Response:
        """In the order in which they were added to the store master; the filters combine."""
        stores = Store.objects.select_related("category")
        if "store_id" in self.query:
            stores = stores.filter(store_id=self.query["store_id"])
        if "area" in self.query:
            stores = stores.in_area(self.query["area"])
        if "category" in self.query:
            stores = stores.in_category(self.query["category"])
        if "group" in self.query:
            stores = stores.in_group(self.query["group"])
        if text := self.query.get("q"):
            stores = stores.containing(text)
        page = parameters.page_of(self.query).of(stores)
        return Response(pages.answer(StoreRow, page))

    @describe(summary="Choose a store's category", request=CategoryChoice, responses=StoreRow)
    def patch(self, request: Request) -> Response:
        """Of the store that `store_id=` names. A category that is chosen by hand stays whatever the rules say.

        `{"category": null}` chooses none; `{"category_by_hand": false}` leaves the store to the rules again.
        """
        require_editor(request)
        if "store_id" not in self.query:
            raise problems.invalid_parameters([("store_id", "store_id is missing.")])
        return Response(StoreRow(changed(self.find_store(self.query["store_id"]), request)).data)


class OneStore(StoreView):
    path_parameters = (STORE_ID,)
    scopes = {"PATCH": Scope.STORES}

    @describe(summary="Read a store", responses=StoreRow)
    def get(self, request: Request, store_id: str) -> Response:
        """By its id."""
        return Response(StoreRow(self.find_store(store_id)).data)

    @describe(summary="Choose this store's category", request=CategoryChoice, responses=StoreRow)
    def patch(self, request: Request, store_id: str) -> Response:
        """As `PATCH /api/v1/stores?store_id=`, which takes every id."""
        require_editor(request)
        return Response(StoreRow(changed(self.find_store(store_id), request)).data)
