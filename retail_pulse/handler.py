"""The WSGI handler: Django's, made safe against headers that it reads before it can answer.

Django reads the Content-Type while it builds the request, outside everything that turns errors into answers: a bare
`charset=hex` or `charset*=utf-8''%00` would end as the server's own 500. Parameters in pieces of which one has no
number (`charset*0=ut; charset*=f-7`, RFC 2231) are a TypeError of Python's own `email`, wherever they are read.
"""

import codecs
from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.utils.http import parse_header_parameters


class Request(WSGIRequest):
    """Its query string is UTF-8: the charset of a Content-Type belongs to the body, and the body's parser checks it.

    A multipart body is refused where a part's header cannot be read.
    """

    @property
    def encoding(self) -> None:
        return None

    @encoding.setter
    def encoding(self, charset: str) -> None:
        """Django's own would decode the query string at once."""

    def parse_file_upload(self, META: Any, post_data: Any) -> Any:  # noqa: N803 - Django's name
        try:
            return super().parse_file_upload(META, post_data)
        except TypeError as error:
            raise MultiPartParserError("A part's header cannot be read.") from error


class Handler(WSGIHandler):
    request_class = Request

    def __call__(self, environ: dict[str, Any], start_response: Any) -> HttpResponseBase:
        if not _is_readable(environ.get("CONTENT_TYPE", "")):
            # Without a Content-Type, a view refuses the body.
            environ["CONTENT_TYPE"] = ""
        return super().__call__(environ, start_response)


def _is_readable(content_type: str) -> bool:
    try:
        codecs.lookup(parse_header_parameters(content_type)[1].get("charset", "utf-8"))
    except LookupError:
        return True  # an unknown charset, which Django ignores
    except (ValueError, TypeError):
        return False
    return True
