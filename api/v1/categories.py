"""Categories of stores and the keywords that tell them: read by all, changed by users who may change stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.models import Scope
from api.v1 import pages, parameters, problems, request_bodies
from api.v1.describe import describe
from api.v1.problem_types import Problem
from api.v1.stores import read_category, require_editor
from api.v1.views import V1View, find_by_id, path_id
from stores import categorising, rule_changes
from stores.categorising import RulesBusy
from stores.coverage import coverage, suggestions
from stores.models import Category, Keyword, Kind
from stores.models.category import MAX_CATEGORY
from stores.models.keyword import MAX_KEYWORD
from stores.rule_changes import Preview, RuleRefused


class CategoryRow(serializers.Serializer[Category]):
    """One category, and how many stores have it."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    stores = serializers.SerializerMethodField()

    @extend_schema_field({"type": "integer", "minimum": 0})
    def get_stores(self, category: Category) -> int:
        counted: dict[int | None, int] = self.context["counted"]
        return counted.get(category.pk, 0)


class CategoryList(serializers.Serializer[Any]):
    """All categories, and how much of the store master they cover."""

    stores = serializers.IntegerField(min_value=0)
    categorised = serializers.IntegerField(min_value=0)
    uncategorised = serializers.IntegerField(min_value=0)
    finished = serializers.BooleanField(help_text="Whether all stores were looked at since the rules last changed.")
    checked = serializers.IntegerField(min_value=0, help_text="Stores looked at since then, while not finished.")
    results = CategoryRow(many=True)


class CategoryName(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=MAX_CATEGORY)


class KeywordBody(serializers.Serializer[Any]):
    """A keyword: of a category, or of none for the kinds `venue` and `name`."""

    text = serializers.CharField(max_length=MAX_KEYWORD, help_text="Case, accents and punctuation make no difference.")
    kind = serializers.ChoiceField(Kind.values)
    category = serializers.CharField(required=False, allow_null=True, help_text="A category's name.")


class KeywordRow(serializers.Serializer[Keyword]):
    """What a word, or several, says of a store."""

    id = serializers.IntegerField(source="pk")
    text = serializers.CharField()
    kind = serializers.ChoiceField(Kind.values)
    category = serializers.SerializerMethodField(help_text="Its name; null for the kinds `venue` and `name`.")

    @extend_schema_field({"type": ["string", "null"]})
    def get_category(self, keyword: Keyword) -> str | None:
        return keyword.category.name if keyword.category else None


class Move(serializers.Serializer[Any]):
    """Stores that would go from one category to another; null is uncategorised."""

    before = serializers.CharField(allow_null=True)
    after = serializers.CharField(allow_null=True)
    stores = serializers.IntegerField(min_value=1)


class KeywordPreview(serializers.Serializer[Any]):
    """What a keyword would change; nothing is stored."""

    looked_at = serializers.IntegerField(min_value=0)
    of_all = serializers.BooleanField(
        help_text="Whether that is every store not chosen by hand; else the first of those that have the word as "
        "written, and misspellings come on top."
    )
    moved = serializers.IntegerField(min_value=0)
    moves = Move(many=True)
    examples = serializers.ListField(child=serializers.CharField(), help_text="Names of a few of them.")


class Suggestion(serializers.Serializer[Any]):
    """A word that stores without a category have in common."""

    word = serializers.CharField()
    stores = serializers.IntegerField(min_value=1)


class SuggestionList(serializers.Serializer[Any]):
    """The most frequent ones."""

    results = Suggestion(many=True)


class RulesView(V1View):
    tag = "stores"
    scopes = {"POST": Scope.STORES, "PATCH": Scope.STORES, "DELETE": Scope.STORES}

    def require_editor(self) -> None:
        require_editor(self.request)

    def find_category(self, category_id: str) -> Category:
        return find_by_id(Category.objects.all(), category_id, "category")


CATEGORY_ID = path_id("category_id", "A category's id.")


class Categories(RulesView):
    refusals = {"POST": (409,)}

    @describe(summary="List categories", responses=CategoryList)
    def get(self, request: Request) -> Response:
        """In the order in which pages show them, with how many stores each has, and how many have none."""
        return Response(_category_list())

    @describe(summary="Add a category", request=CategoryName, responses={201: CategoryRow})
    def post(self, request: Request) -> Response:
        """It has no store until keywords are added, or stores chosen by hand. 409 while an import is under way."""
        self.require_editor()
        name = _name(request)
        with _refused():
            category = rule_changes.add_category(name)
        return Response(CategoryRow(category, context={"counted": {}}).data, status=201)


class OneCategory(RulesView):
    path_parameters = (CATEGORY_ID,)
    refusals = {"DELETE": (409,)}

    @describe(summary="Rename a category", request=CategoryName, responses=CategoryRow)
    def patch(self, request: Request, category_id: str) -> Response:
        """Its stores and keywords stay."""
        self.require_editor()
        category = self.find_category(category_id)
        name = _name(request)
        with _refused():
            rule_changes.rename_category(category, name)
        return Response(CategoryRow(category, context={"counted": coverage().by_category}).data)

    @describe(summary="Delete a category", request=None, responses={204: None})
    def delete(self, request: Request, category_id: str) -> Response:
        """With its keywords; its stores are looked at again. 409 where it has too many of them."""
        self.require_editor()
        category = self.find_category(category_id)
        try:
            rule_changes.delete_category(category)
        except (RuleRefused, RulesBusy) as error:
            raise problems.Refusal(Problem.CONFLICT, str(error)) from None
        return Response(status=204)


_KINDS = parameters.choice("kind", "Keywords of this kind.", Kind.values)
_OF = parameters.text("category", "Keywords of the category of this name; empty: of none.", MAX_CATEGORY)


class Keywords(RulesView):
    parameters = {"GET": (_KINDS, _OF, *parameters.PAGE)}
    refusals = {"POST": (409,)}

    @describe(summary="List keywords", responses=pages.page_of(KeywordRow))
    def get(self, request: Request) -> Response:
        """In the order in which they were added; the filters combine."""
        keywords = Keyword.objects.select_related("category")
        if "kind" in self.query:
            keywords = keywords.filter(kind=self.query["kind"])
        if (name := self.query.get("category")) is not None:
            keywords = keywords.filter(category__name=name) if name else keywords.filter(category=None)
        return Response(pages.answer(KeywordRow, parameters.page_of(self.query).of(keywords)))

    @describe(summary="Add a keyword", request=KeywordBody, responses={201: KeywordRow})
    def post(self, request: Request) -> Response:
        """The stores are then looked at again: at once as far as a second leads, and the rest a little later."""
        self.require_editor()
        body = _keyword(request)
        with _refused():
            keyword = rule_changes.add_keyword(**body)
        return Response(KeywordRow(keyword).data, status=201)


class OneKeyword(RulesView):
    path_parameters = (path_id("keyword_id", "A keyword's id."),)
    refusals = {"DELETE": (409,)}

    @describe(summary="Remove a keyword", request=None, responses={204: None})
    def delete(self, request: Request, keyword_id: str) -> Response:
        """The stores are then looked at again, as after adding one."""
        self.require_editor()
        keyword = find_by_id(Keyword.objects.all(), keyword_id, "keyword")
        with _refused():
            rule_changes.remove_keyword(keyword)
        return Response(status=204)


class PreviewKeyword(RulesView):
    @describe(summary="Preview a keyword", request=KeywordBody, responses=KeywordPreview)
    def post(self, request: Request) -> Response:
        """How many stores adding it would give another category; nothing is stored."""
        self.require_editor()
        with _refused():
            body = _keyword(request)
            preview = rule_changes.preview_adding(rule_changes.made_keyword(**body))
        return Response(document_of(preview))


class Suggestions(RulesView):
    @describe(summary="Suggest keywords", responses=SuggestionList)
    def get(self, request: Request) -> Response:
        """The most frequent words of stores without a category that are no keywords. Most are people's names."""
        return Response({"results": [{"word": word, "stores": number} for word, number in suggestions()]})


def document_of(preview: Preview) -> dict[str, Any]:
    return {
        "looked_at": preview.looked_at,
        "of_all": preview.is_of_all,
        "moved": preview.moved,
        "moves": [{"before": before, "after": after, "stores": number} for before, after, number in preview.moves],
        "examples": preview.examples,
    }


def _category_list() -> dict[str, Any]:
    covered, state = coverage(), categorising.state()
    rows = pages.list_of(CategoryRow, Category.objects.all(), counted=covered.by_category)
    return {
        "stores": covered.stores,
        "categorised": covered.categorised,
        "uncategorised": covered.uncategorised,
        "finished": state.is_finished,
        "checked": state.checked,
        "results": rows,
    }


def _name(request: Request) -> str:
    values = request_bodies.read_object(request.data, {"name": _text(MAX_CATEGORY)}, required=("name",))
    name: str = values["name"]
    return name


def _keyword(request: Request) -> dict[str, Any]:
    fields = {"text": _text(MAX_KEYWORD), "kind": request_bodies.one_of(Kind.values), "category": read_category}
    return {"category": None, **request_bodies.read_object(request.data, fields, required=("text", "kind"))}


def _text(longest: int) -> Any:
    def read(value: Any) -> str:
        text = request_bodies.text(longest)(value)
        if not text.strip() or not text.isprintable():
            raise request_bodies.Unacceptable("must have letters, and no character that cannot be seen")
        return text

    return read


@contextmanager
def _refused() -> Iterator[None]:
    """As problems of the API."""
    try:
        yield
    except RuleRefused as error:
        place = problems.pointer((error.field,) if error.field else ())
        errors = [{"pointer": place, "detail": error.sentence}]
        raise problems.Refusal(Problem.INVALID_SUBMISSION, error.sentence, errors=errors) from None
    except RulesBusy as error:
        raise problems.Refusal(Problem.CONFLICT, str(error)) from None
