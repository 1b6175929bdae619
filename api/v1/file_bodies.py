"""Bodies that are a file: a table, or an export of this service."""

from collections.abc import Iterable, Mapping
from typing import IO, Any, NamedTuple

from django.utils.http import parse_header_parameters
from rest_framework.parsers import BaseParser


class FileBody(NamedTuple):
    content: bytes
    charset: str  # as the Content-Type declares it; empty where it does not


class FileParser(BaseParser):
    """The body is the file. `BodyLimits` has checked its length.

    What it is shows in its content, whatever its type says; yet a body of none of these types is probably no file.
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        declared = parse_header_parameters(media_type or "")[1].get("charset", "")
        return FileBody(stream.read(), declared)


class CSVParser(FileParser):
    media_type = "text/csv"


class WorkbookParser(FileParser):
    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class MacroWorkbookParser(FileParser):
    media_type = "application/vnd.ms-excel.sheet.macroEnabled.12"


class NDJSONParser(FileParser):
    media_type = "application/x-ndjson"


TABLE_PARSERS = (CSVParser, WorkbookParser, MacroWorkbookParser)


def file_schemas(parsers: Iterable[type[FileParser]]) -> dict[str, Any]:
    """How the OpenAPI document describes bodies of these types."""
    return {
        parser.media_type: {"type": "string"}
        if parser.media_type.startswith("text/")
        else {"type": "string", "contentMediaType": parser.media_type}
        for parser in parsers
    }
