"""The Idempotency-Key header: a client's own name for a submission."""

import re
from hashlib import sha256

from rest_framework.exceptions import ParseError
from rest_framework.request import Request

from jobs.submission.submit import IdempotencyToken

_KEY = re.compile(r"[!-~]{1,255}")


def read_idempotency_token(request: Request) -> IdempotencyToken | None:
    """The key, with a digest of the body sent under it; None without the header. Raises ParseError."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise ParseError("Idempotency-Key must be 1 to 255 visible ASCII characters.")
    # Options of a submission may stand in the query.
    query = request.META.get("QUERY_STRING", "").encode()
    return IdempotencyToken(key, sha256(request.body + (b"?" + query if query else b"")).hexdigest())
