"""The Idempotency-Key header: a client's own name for a submission."""

import re
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import urlencode

from rest_framework.exceptions import ParseError
from rest_framework.request import Request

from jobs.submission.submit import IdempotencyToken

_KEY = re.compile(r"[!-~]{1,255}")


def read_idempotency_token(request: Request, options: Mapping[str, object] | None = None) -> IdempotencyToken | None:
    """The key, with a digest of the body sent under it and of the `options` that the query added to the body.

    None without the header. Raises ParseError.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise ParseError("Idempotency-Key must be 1 to 255 visible ASCII characters.")
    digest = sha256(request.body)
    if options:
        digest.update(f"?{urlencode(sorted(options.items()))}".encode())
    return IdempotencyToken(key, digest.hexdigest())
