"""The hostile URLs as webhooks: what the service answers when it is given one, and what it does when it has to send.

Nothing of it needs a database: the rows that a delivery is made of are only held in memory.
"""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from jobs.imaging.post import Poster
from jobs.imaging.resolver import Resolver
from proofs.ssrf_urls import FORBIDDEN, Case
from proofs.world.endpoints import new_secret
from webhooks.addresses import guard
from webhooks.attempts import send
from webhooks.claims import Claim
from webhooks.endpoints import Refused, checked_url
from webhooks.kinds import EventType
from webhooks.models import Endpoint, Event

THREADS = 8
REDIRECTED = "302"
_BODY = '{"type": "webhook.test", "timestamp": "2026-01-01T00:00:00Z", "data": {}}'


def tell(cases: Iterable[Case], ca_file: str, resolver: Resolver | None) -> list[dict[str, Any]]:
    """How each case ended as a webhook, several at once; a sender as the service makes it, but for its arguments."""
    secret = new_secret()
    poster = Poster(guard(), deadline_seconds=settings.WEBHOOK_SECONDS, resolver=resolver, ca_file=ca_file)
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(lambda case: _ending(case, poster, secret), cases))
    finally:
        poster.close()


def _ending(case: Case, poster: Poster, secret: str) -> dict[str, Any]:
    refusal = ""
    try:
        checked_url(case.url)
    except Refused as refused:
        refusal = str(refused)
    # Also if it was refused: it may have been admitted when other addresses were allowed.
    event = Event(uid="evt_1", type=EventType.TEST, body=_BODY)
    claim = Claim(1, event, Endpoint(url=case.url, secret=secret), 0, datetime.now(UTC))
    try:
        result = send(poster, claim)
        code = "ok" if result.is_delivered else result.error_code or str(result.status)
        sentence = f"{result.error_message} {result.answer}"
    except Exception as error:  # noqa: BLE001 - any error outside the closed list of codes is a finding
        code, sentence = f"{type(error).__name__}: {error}", ""
    sentences = f"{refusal} {sentence}"
    return {
        "kind": case.kind,
        "url": case.url,
        "expected": REDIRECTED if _is_redirect(case) else case.expected,
        "found": code,
        "admitted": not refusal,
        "tells": "name" in case.kind and any(address in sentences for address in FORBIDDEN),
        "says": sentences.replace(_host(case.url), "HOST") if case.kind == "a name of an address" else "",
    }


def _is_redirect(case: Case) -> bool:
    """Whether the good server answers with a redirect, which is not followed, wherever it leads."""
    return re.search(r"[^/]/to-\d", case.url) is not None


def _host(url: str) -> str:
    return str(urlsplit(url).hostname)
