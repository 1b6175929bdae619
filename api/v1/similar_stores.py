"""Stores with a similar name, and stores that may be one."""

import json
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api import cursors
from api.pagination import DEFAULT_LIMIT, Page
from api.v1 import pages, parameters, problems
from api.v1.describe import describe
from api.v1.parameters import Parameter, Unreadable
from api.v1.stores import StoreRow, StoreView
from api.v1.views import V1View
from stores import similar
from stores.duplicates import MOST_NAMED, DuplicateKey, DuplicateSet, find_duplicates
from stores.models import MAX_LENGTHS, Store
from stores.similar import Similar, similar_stores, similar_to_name

# Longer than any that this service writes.
_LONGEST_CURSOR = 8_000


class SimilarRow(serializers.Serializer[Similar]):
    """One store, and how similar its name is."""

    class Meta:
        ref_name = "SimilarStore"

    store = StoreRow()
    score = serializers.FloatField(
        min_value=0,
        max_value=1,
        help_text="Weight of what both names share, of all that either has; 1 is the same.",
    )
    shared = serializers.ListField(child=serializers.CharField(), help_text="The words that both names have.")
    same_category = serializers.BooleanField(help_text="Whether both are known to be of one category.")


class SimilarAnswer(serializers.Serializer[Any]):
    """The stores with the most similar names, best first."""

    class Meta:
        ref_name = "SimilarStores"

    results = SimilarRow(many=True)


class SimilarStores(StoreView):
    refusals = {"GET": (404,)}
    parameters = {
        "GET": (
            parameters.text("store", "Like the store with this id.", MAX_LENGTHS["store_id"], shortest=1),
            parameters.text("name", "Like this name.", MAX_LENGTHS["name"], shortest=1),
            parameters.integer("limit", f"Stores in the answer; by default {similar.MOST}.", 1, similar.MOST),
        )
    }

    @describe(summary="Find stores with similar names", responses=SimilarAnswer)
    def get(self, request: Request) -> Response:
        """Like a store, by `store`, or like a `name`; one of them must be given.

        Words for a place, such as CORNER, count little; words for a trade by their category; all others the more, the
        fewer stores have them.
        """
        if len(self.query.keys() & {"store", "name"}) != 1:
            raise problems.invalid_parameters([("store", "Either store or name must be given, and not both.")])
        limit = self.query.get("limit", similar.MOST)
        if "store" in self.query:
            found = similar_stores(self.find_store(self.query["store"]), limit)
        else:
            found = similar_to_name(self.query["name"], limit)
        return Response({"results": pages.list_of(SimilarRow, found)})


class DuplicateRow(serializers.Serializer[DuplicateSet]):
    """Stores of one area with the same words in their names."""

    class Meta:
        ref_name = "DuplicateStores"

    area = serializers.CharField()
    words = serializers.ListField(child=serializers.CharField())
    stores_total = serializers.IntegerField(source="number", min_value=2)
    stores = StoreRow(many=True, help_text=f"The first {MOST_NAMED} of them.")


def _write(key: DuplicateKey | None) -> str | None:
    if key is None:
        return None
    return cursors.to_text(json.dumps([key.area, key.words]).encode())


def _read(text: str) -> DuplicateKey:
    try:
        if len(text) > _LONGEST_CURSOR:
            raise ValueError
        area, words = json.loads(cursors.from_text(text) or b"")
        key = DuplicateKey(area, words)
        if not (isinstance(area, str) and isinstance(words, list) and all(isinstance(word, str) for word in words)):
            raise TypeError
        if any("\0" in each for each in (area, *words)) or _write(key) != text:
            raise ValueError
        # A half of a surrogate pair, which no text of the database is.
        "".join([area, *words]).encode()
    except (ValueError, TypeError):
        raise Unreadable("must be the next_cursor of an earlier answer") from None
    return key


class DuplicateStores(V1View):
    tag = "stores"
    parameters = {
        "GET": (
            parameters.text("area", "Stores in this area.", MAX_LENGTHS["area_code"]),
            parameters.GROUP,
            Parameter("cursor", parameters.CURSOR.description, _read),
            parameters.LIMIT,
        )
    }

    @describe(summary="List stores that may be one", responses=pages.page_of(DuplicateRow))
    def get(self, request: Request) -> Response:
        """Stores of one area whose names have the same words; case, accents and punctuation do not count.

        By area and words. A page may hold fewer than `limit`, or none: there is another as long as `next_cursor` says.
        """
        stores = Store.objects.all()
        if "area" in self.query:
            stores = stores.in_area(self.query["area"])
        if "group" in self.query:
            stores = stores.in_group(self.query["group"])
        found = find_duplicates(stores, self.query.get("cursor"), self.query.get("limit", DEFAULT_LIMIT))
        return Response(pages.answer(DuplicateRow, Page(found.sets, _write(found.following))))
