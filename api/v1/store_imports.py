"""Imports into the store master: dry-run a file, read the report, apply it, fetch the rejected rows."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any, ClassVar, NoReturn

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.utils.text import capfirst
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated, ParseError
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from access import rights
from access.models import Scope
from api.v1 import parameters, request_bodies
from api.v1.describe import describe
from api.v1.file_bodies import TABLE_PARSERS, FileBody, file_schemas
from api.v1.problem_types import Problem
from api.v1.problems import Refusal, invalid_parameters
from api.v1.views import V1View, find_by_id, path_id
from stores import imports
from stores.charsets import agreed_encoding, charset_of
from stores.imports import ContradictingOptions, FileForgotten, ImportRefused
from stores.models import StoreImport
from tables.errors import Entry, UnreadableFileError
from tables.kinds import is_archive

_OPTIONS = (
    *parameters.TABLE,
    parameters.boolean("skip_rejected", "Skip rejected rows; otherwise a file with any is not stored."),
    parameters.boolean("prune", "Delete stores that are not in the file; needs the permission to delete stores."),
    parameters.text("name", "A name for the file, shown to people.", 255),
)
_LOCATION = OpenApiParameter(
    "Location", {"type": "string", "format": "uri-reference"}, "header", response=[201], description="The import."
)


class FormParser(MultiPartParser):
    """Raises ParseError also where Python's own `email` fails on a part's header, see `retail_pulse.handler`."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().parse(*args, **kwargs)
        except TypeError as error:
            raise ParseError("A part's header cannot be read.") from error


class ImportRow(serializers.Serializer[StoreImport]):
    """One uploaded store master, and what importing it would do, or has done."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    state = serializers.ChoiceField(["rehearsed", "stored"])
    refused = serializers.SerializerMethodField(help_text="Why it cannot be stored as it is; null where it can.")
    skip_rejected = serializers.BooleanField()
    prune = serializers.BooleanField()
    report = serializers.SerializerMethodField()
    uploaded_by = serializers.CharField(source="uploaded_by_name")
    uploaded_at = serializers.DateTimeField()
    stored_by = serializers.CharField(source="stored_by_name", help_text="Empty until it is stored.")
    stored_at = serializers.DateTimeField(allow_null=True)
    links = serializers.SerializerMethodField()

    @extend_schema_field({"type": ["string", "null"]})
    def get_refused(self, row: StoreImport) -> str | None:
        return imports.why_not(row)

    @extend_schema_field(
        {
            "type": "object",
            "description": "Counts of rows (`rows` = `new` + `changed` + `unchanged` + `rejected_rows`), the diff "
            "(`new_stores`, `changed_stores`, `missing_stores`, the first of each), `rejected` rows with line and "
            "reason, `warnings` about cells that are probably not as meant, and a `summary`.",
            "properties": {
                "summary": {"type": "string"},
                **{
                    name: {"type": "integer", "minimum": 0}
                    for name in ("rows", "new", "changed", "unchanged", "missing", "pruned", "rejected_rows")
                },
                **{
                    name: {"type": "array", "items": {"type": "object"}}
                    for name in (
                        "new_stores",
                        "changed_stores",
                        "missing_stores",
                        "rejected",
                        "duplicates",
                        "mended",
                        "warnings",
                    )
                },
            },
            "additionalProperties": True,
        }
    )
    def get_report(self, row: StoreImport) -> Any:
        return row.report

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string", "format": "uri-reference"}})
    def get_links(self, row: StoreImport) -> dict[str, str]:
        own = path_of(row)
        return {"self": own, "apply": f"{own}/apply", "rejects": f"{own}/rejects.csv"}


def path_of(row: StoreImport) -> str:
    return reverse("v1:store-import", args=[row.pk])


class ImportView(V1View):
    """For signed-in users who may import stores, or read imports, even where the API is open."""

    tag = "stores"
    scopes = {"GET": Scope.STORES, "HEAD": Scope.STORES, "POST": Scope.STORES}
    path_parameters: ClassVar[Sequence[OpenApiParameter]] = (path_id("import_id", "An import's id."),)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not isinstance(request.user, User):
            raise NotAuthenticated("Sign in to import stores, or send an API key or a token as Authorization: Bearer.")
        if request.method not in SAFE_METHODS:
            self.require_permission(prune=False)
        elif not rights.may_see_imports(request.user):
            raise Refusal(Problem.NOT_ALLOWED, "Reading imports needs the permission to view or to make them.")

    def require_permission(self, *, prune: bool) -> None:
        """Raises a Refusal without the permission to import."""
        if not rights.may_import_stores(self.request.user, prune=prune):
            verbs = "add, change and delete" if prune else "add and change"
            raise Refusal(Problem.NOT_ALLOWED, f"Importing needs the permission to {verbs} stores.")

    def find_import(self, import_id: str) -> StoreImport:
        return find_by_id(StoreImport.objects.all(), import_id, "store import")


class StoreImports(ImportView):
    parser_classes = (*TABLE_PARSERS, FormParser)
    parameters = {"POST": _OPTIONS}
    path_parameters = ()

    @describe(
        summary="Dry-run an import",
        parameters=[_LOCATION],
        request={
            **file_schemas(TABLE_PARSERS),
            "multipart/form-data": {
                "type": "object",
                "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
                "required": ["file"],
            },
        },
        responses={201: ImportRow},
    )
    def post(self, request: Request) -> Response:
        """What importing this file would do, row by row; the store master is unchanged until the import is applied.

        The body is the file, or a form with one `file`: CSV, or an Excel workbook (.xlsx, .xlsm). Its header has
        `AreaCode`, `StoreName` and `StoreID` in any order. A dry run that nobody applies is deleted after a day.
        """
        self.require_permission(prune=self.query.get("prune", False))
        content, name, charset = _read_file(request)
        try:
            row = imports.dry_run(
                BytesIO(content),
                self.query.get("name") or name,
                request.user,
                encoding=agreed_encoding(charset, self.query.get("encoding", ""), content),
                sheet=self.query.get("sheet", ""),
                skip_rejected=self.query.get("skip_rejected", False),
                prune=self.query.get("prune", False),
            )
        except UnreadableFileError as error:
            raise ParseError(capfirst(error.sentence(Entry.API))) from None
        except ContradictingOptions as error:
            raise invalid_parameters([("prune", str(error)), ("skip_rejected", str(error))]) from None
        row.refresh_from_db()
        return Response(ImportRow(row).data, status=201, headers={"Location": path_of(row)})


class OneStoreImport(ImportView):
    @describe(summary="Read an import", responses=ImportRow)
    def get(self, request: Request, import_id: str) -> Response:
        """Its report: of the dry run, and of the import itself once it is stored."""
        return Response(ImportRow(self.find_import(import_id)).data)


class ApplyStoreImport(ImportView):
    refusals = {"POST": (409,)}

    @describe(summary="Apply an import", request=None, responses=ImportRow)
    def post(self, request: Request, import_id: str) -> Response:
        """Imports the file for real, in one transaction. 409 where it is already stored or cannot be."""
        request_bodies.read_nothing(request.data)
        row = self.find_import(import_id)
        self.require_permission(prune=row.prune)
        try:
            return Response(ImportRow(imports.apply(row, request.user)).data)
        except ImportRefused as error:
            _conflict(error)


class Rejects(ImportView):
    refusals = {"GET": (409,)}

    @describe(
        summary="Fetch an import's rejected rows", responses={(200, "text/csv; charset=utf-8"): {"type": "string"}}
    )
    def get(self, request: Request, import_id: str) -> HttpResponseBase:
        """As a CSV file to correct and upload again, each row with its line and reason. 409 once it is deleted."""
        row = self.find_import(import_id)
        try:
            blocks = imports.rejects(row)
        except FileForgotten as error:
            _conflict(error)
        headers = {"Content-Disposition": f'attachment; filename="rejects-{row.pk}.csv"'}
        return StreamingHttpResponse(blocks, content_type="text/csv; charset=utf-8", headers=headers)


def _conflict(error: ImportRefused) -> NoReturn:
    raise Refusal(Problem.CONFLICT, str(error)) from None


def _read_file(request: Request) -> tuple[bytes, str, str]:
    """The file's bytes, its name, and the charset declared for it. Raises ParseError."""
    data: Any = request.data
    if not isinstance(data, FileBody) and not str(request.content_type).startswith(FormParser.media_type):
        data = FileBody(b"", "")  # an empty body is not parsed
    if isinstance(data, FileBody):
        return data.content, "upload.xlsx" if is_archive(data.content) else "upload.csv", data.charset
    file = data.get("file") if len(data) == 1 else None
    if not isinstance(file, UploadedFile):
        raise ParseError("The form must hold one file, called file, and nothing else.")
    content: bytes = file.read()
    return content, file.name or "", charset_of(file)
