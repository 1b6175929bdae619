"""The store master, read-only."""

from urllib.parse import quote

from django.db.models import Q
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.v1 import pages, parameters, problems
from api.v1.describe import describe
from api.v1.views import V1View
from stores.models import MAX_LENGTHS, Store

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
    parameters.text("q", "Stores whose id or name contains this text, ignoring case.", MAX_LENGTHS["name"]),
)


class StoreRow(serializers.Serializer[Store]):
    """One store of the store master."""

    store_id = serializers.CharField(help_text="Opaque text, compared as written.")
    name = serializers.CharField(help_text="Not unique: stores of a chain share one.")
    area = serializers.CharField(source="area_code")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    links = serializers.SerializerMethodField()

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


StorePage = pages.page_of(StoreRow)


class StoreView(V1View):
    tag = "stores"

    def find_store(self, store_id: str) -> Store:
        """Raises a Refusal where there is none."""
        store = None if "\0" in store_id else Store.objects.filter(store_id=store_id).first()
        if store is None:
            raise problems.not_found("store with this id")
        return store


class Stores(StoreView):
    parameters = {"GET": (*_FILTERS, *parameters.PAGE)}

    @describe(summary="List stores", responses=StorePage)
    def get(self, request: Request) -> Response:
        """In the order in which they were added to the store master; the filters combine."""
        stores = Store.objects.all()
        if "store_id" in self.query:
            stores = stores.filter(store_id=self.query["store_id"])
        if "area" in self.query:
            stores = stores.in_area(self.query["area"])
        if text := self.query.get("q"):
            stores = stores.filter(Q(store_id__icontains=text) | Q(name__icontains=text))
        page = parameters.page_of(self.query).of(stores)
        return Response(pages.answer(StoreRow, page))


class OneStore(StoreView):
    path_parameters = (STORE_ID,)

    @describe(summary="Read a store", responses=StoreRow)
    def get(self, request: Request, store_id: str) -> Response:
        """By its id."""
        return Response(StoreRow(self.find_store(store_id)).data)
