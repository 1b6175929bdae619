"""Signatures by Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, by a secret that both sides know."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from standardwebhooks import Webhook

PREFIX = "whsec_"
_BYTES = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def headers(uid: str, timestamp: int, body: str, signed_by: Iterable[str]) -> dict[str, str]:
    """The headers of one attempt at `timestamp`, in seconds since 1970, with a signature by each of the secrets.

    Receivers accept a request of which they can verify any signature.
    """
    # Aware and in UTC: the library takes the clock's digits of any other time for those of UTC.
    at = datetime.fromtimestamp(timestamp, UTC)
    return {
        "webhook-id": uid,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(Webhook(secret).sign(uid, at, body) for secret in signed_by),
    }
