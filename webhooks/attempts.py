"""One attempt: signing, sending, and what it means."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from jobs.errors import FetchError, Internal
from jobs.imaging.post import Poster
from webhooks import signing
from webhooks.claims import Claim
from webhooks.endpoints import secrets_of
from webhooks.models.attempt import LONGEST_MESSAGE, MOST_ANSWER

GONE = 410
# The code of what was not sent because its owner may not read it any more; all others are those of `jobs/errors.py`.
NOT_ALLOWED = "not_allowed"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an attempt at `timestamp`, in seconds since 1970."""

    claim: Claim
    timestamp: int
    milliseconds: int = 0
    status: int | None = None
    answer: str = ""
    retry_after: float | None = None
    error_code: str = ""
    error_message: str = ""

    @property
    def is_delivered(self) -> bool:
        """Any 2xx; a redirect is none, since it is not followed."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """The receiver says that it wants nothing any more."""
        return self.status == GONE


def send(poster: Poster, claim: Claim) -> Result:
    """Send the event once. Touches no database."""
    begun, now = time.monotonic(), time.time()
    timestamp = int(now)

    def passed() -> int:
        return round((time.monotonic() - begun) * 1000)

    event, endpoint = claim.event, claim.endpoint
    signed_by = secrets_of(endpoint, datetime.fromtimestamp(now, UTC))
    headers = {
        "Content-Type": "application/json",
        **signing.headers(event.uid, timestamp, event.body, signed_by),
    }
    try:
        answer = poster.post(endpoint.url, headers, event.body.encode())
    except (FetchError, Internal) as error:
        message = str(error)[:LONGEST_MESSAGE]
        return Result(claim, timestamp, passed(), error_code=error.code, error_message=message)
    return Result(claim, timestamp, passed(), answer.status, answer.text[:MOST_ANSWER], answer.retry_after)
