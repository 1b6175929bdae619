"""The body of a submission: JSON, or a file of visits as `manage.py submit` takes it."""

from io import BytesIO
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.request import Request

from access.limits import HIGHEST_PRIORITY, LOWEST_PRIORITY
from api.v1 import parameters
from api.v1.file_bodies import TABLE_PARSERS, FileBody, NDJSONParser, file_schemas
from jobs.models.job import MAX_REFERENCE
from jobs.states import OnError
from jobs.submission.payload import faults_of_metadata
from jobs.submission.strict_json import StrictJSONParser, load_json
from jobs.submission.visit_rows import complaint_of_json
from jobs.submission.visits_file import VisitsFile, read_visits
from tables.errors import Entry


def _read_metadata(value: str) -> Any:
    try:
        metadata = load_json(value.encode(errors="replace"))
    except ParseError as error:
        raise parameters.Unreadable(f"is no JSON: it {complaint_of_json(error)}") from None
    for _, complaint in faults_of_metadata(metadata):
        raise parameters.Unreadable(complaint)
    return metadata


_FILE_PARSERS = (*TABLE_PARSERS, NDJSONParser)
PARSERS = (StrictJSONParser, *_FILE_PARSERS)
OPTIONS = (
    parameters.choice("on_error", "Overrides the value in the body, if it has one.", OnError),
    parameters.integer(
        "priority", "Overrides the value in the body, if it has one.", LOWEST_PRIORITY, HIGHEST_PRIORITY
    ),
    parameters.text(
        "client_reference",
        "Your own id of the job. Overrides the value in the body, if it has one.",
        MAX_REFERENCE,
        shortest=1,
    ),
    parameters.Parameter(
        "metadata",
        "Of the job, as a JSON object. Overrides the value in the body, if it has one.",
        _read_metadata,
    ),
    *parameters.TABLE,
)
_OVERRIDING = ("on_error", "priority", "client_reference", "metadata")
FILE_SCHEMAS = file_schemas(_FILE_PARSERS)


def read_submission(request: Request, query: dict[str, Any]) -> VisitsFile:
    """The body, not yet checked against the rules of a submission. Raises UnreadableVisits."""
    data: Any = request.data
    if not isinstance(data, FileBody) and request.content_type.partition(";")[0].strip() in FILE_SCHEMAS:
        data = FileBody(b"", "")  # an empty body is not parsed
    options = {name: query[name] for name in _OVERRIDING if name in query}
    if isinstance(data, FileBody):
        read = read_visits(
            BytesIO(data.content),
            entry=Entry.API,
            declared=data.charset,
            encoding=query.get("encoding"),
            sheet=query.get("sheet"),
        )
    else:
        read = VisitsFile(data)
    if isinstance(read.body, dict):
        return VisitsFile({**read.body, **options}, read.notes)
    return read
