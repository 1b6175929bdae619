"""The operations of API v1 that a client needs, as methods."""

import hashlib
import json as json_module
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Literal, cast

import requests

from .errors import Refused, Unreachable
from .files import appearing
from .transport import Transport, document_of
from .types import (
    FailureGroups,
    Image,
    JobDetail,
    RehearsalRow,
    Retried,
    RetryPreview,
    StoreError,
    VisitRow,
)

WATCH_SECONDS = 1.0
# How long the service may wait for news before it answers that there are none (RFC 7240).
WAIT_SECONDS = 20
BLOCK_BYTES = 2**16
_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Filter = str | None
ExportFormat = Literal["csv", "ndjson"]
EXPORT_TYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}


@dataclass(frozen=True, slots=True)
class Submitted:
    """`replayed`: the same visits had been submitted before, within the last 24 hours, and this is that job."""

    job: JobDetail
    replayed: bool


class Client:
    """The service at `url`, with an API key where it wants one. Raises Misconfigured.

    Methods raise Refused and Unreachable. While the service or its network is away, a request is repeated for
    `patience` seconds; `say` is told each time.
    """

    def __init__(
        self, url: str, key: str = "", *, patience: float = 300.0, say: Callable[[str], None] = lambda sentence: None
    ) -> None:
        self._transport = Transport(url, key, patience, say)

    def submit(
        self,
        visits: IO[bytes] | dict[str, Any],
        *,
        on_error: str | None = None,
        priority: int | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        encoding: str | None = None,
        sheet: str | None = None,
        idempotency_key: str | None = None,
    ) -> Submitted:
        """Submit a file of visits, or the decoded body of a submission.

        The idempotency key is made from the content and the options: a client that is killed and started again
        submits one job. Pass one of your own to submit the same visits once more.

        `reference` is your own id of the job, which no other job of yours may have, and `metadata` what else you say of
        it; both override those in the body.
        """
        body = _body(visits)
        query = _details(reference, metadata) | _query(
            on_error=on_error, priority=priority, encoding=encoding, sheet=sheet
        )
        headers = {"Content-Type": _type_of(body), "Idempotency-Key": idempotency_key or _key_of(body, query)}
        answer = self._transport.request("POST", "/jobs", query=query, body=body, headers=headers)
        return Submitted(cast(JobDetail, document_of(answer)), answer.headers.get("Idempotent-Replayed") == "true")

    def dry_run(
        self,
        visits: IO[bytes] | dict[str, Any],
        *,
        on_error: str | None = None,
        priority: int | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        encoding: str | None = None,
        sheet: str | None = None,
    ) -> RehearsalRow:
        """What `submit` would do; nothing is stored."""
        body = _body(visits)
        query = _details(reference, metadata) | _query(
            on_error=on_error, priority=priority, encoding=encoding, sheet=sheet
        )
        headers = {"Content-Type": _type_of(body)}
        answer = self._transport.request("POST", "/jobs:validate", query=query, body=body, headers=headers)
        return cast(RehearsalRow, document_of(answer))

    def job(self, job_id: int) -> JobDetail:
        return cast(JobDetail, self._get(f"/jobs/{job_id}"))

    def watch(self, job_id: int, seconds: float = WATCH_SECONDS) -> Iterator[JobDetail]:
        """The job now and after every change, until it has ended.

        The service waits for the change; where it has no place free for that, it is asked every `seconds`.
        """
        etag = ""
        while True:
            headers = {"If-None-Match": etag, "Prefer": f"wait={WAIT_SECONDS}"} if etag else {}
            answer = self._transport.request("GET", f"/jobs/{job_id}", headers=headers)
            if answer.status_code != 304:
                etag = answer.headers.get("ETag", "")
                job = cast(JobDetail, document_of(answer))
                yield job
                if job["state"] == "ended":
                    return
            if "Preference-Applied" not in answer.headers:
                time.sleep(seconds)

    def job_with(self, reference: str) -> JobDetail | None:
        """The job to which you gave this id; None without one. Of those of several owners, the latest."""
        found = self._get("/jobs", _query(client_reference=reference, limit=1))["results"]
        return self.job(found[0]["id"]) if found else None

    def images(
        self,
        job_id: int,
        *,
        state: Filter = None,
        code: Filter = None,
        host: Filter = None,
        store: Filter = None,
        reference: Filter = None,
    ) -> Iterator[Image]:
        """In the order of the submission, page by page."""
        query = _query(state=state, code=code, host=host, store=store, client_reference=reference)
        yield from self._pages(f"/jobs/{job_id}/images", query)

    def store_errors(self, job_id: int) -> Iterator[StoreError]:
        """What failed of each store; nothing until the job has ended."""
        yield from self._pages(f"/jobs/{job_id}/store-errors", {})

    def visits(
        self,
        *,
        store: Filter = None,
        area: Filter = None,
        since: Filter = None,
        until: Filter = None,
        reference: Filter = None,
        visited_by: Filter = None,
        metadata: Filter = None,
    ) -> Iterator[VisitRow]:
        """Visits of all jobs, with the states of their images; dates as 2026-01-31, both inclusive.

        `reference` is your own id of one, `metadata` a pair, `name:value`.
        """
        said = {"client_reference": reference, "visited_by": visited_by, "metadata": metadata}
        yield from self._pages("/visits", _query(store=store, area=area, **{"from": since, "to": until}, **said))

    def results(self, after: str = "") -> Iterator[dict[str, Any]]:
        """Pages of the results feed behind a cursor, as far as there are any: `results`, `next_cursor`, `has_more`.

        Store each `next_cursor` together with the results of its page, and go on there the next time.
        """
        has_more = True
        while has_more:
            page = self._get("/results", {"after": after, "limit": 1000})
            yield page
            after, has_more = page["next_cursor"], page["has_more"]

    def failures(self, job_id: int) -> FailureGroups:
        return cast(FailureGroups, self._get(f"/jobs/{job_id}/failures"))

    def preview_retry(
        self, job_id: int, *, code: Filter = None, host: Filter = None, store: Filter = None
    ) -> RetryPreview:
        """What `retry` would match."""
        return cast(RetryPreview, self._get(f"/jobs/{job_id}/retry", _query(code=code, host=host, store=store)))

    def retry(self, job_id: int, *, code: Filter = None, host: Filter = None, store: Filter = None) -> Retried:
        """Try failed images again."""
        body = _query(code=code, host=host, store=store)
        answer = self._transport.request("POST", f"/jobs/{job_id}/retry", json=body, repeatable=False)
        return cast(Retried, document_of(answer))

    def cancel(self, job_id: int) -> JobDetail:
        """End its pending images; what has been measured stays."""
        answer = self._transport.request("POST", f"/jobs/{job_id}/cancel")
        return cast(JobDetail, document_of(answer)["job"])

    def export(
        self,
        job_id: int,
        file: IO[bytes] | Path,
        *,
        form: ExportFormat = "csv",
        state: Filter = None,
        code: Filter = None,
        host: Filter = None,
        store: Filter = None,
    ) -> int:
        """Write the job's images; a path appears once it is complete. Returns the number of bytes."""
        query = _query(format=form, state=state, code=code, host=host, store=store)
        if not isinstance(file, Path):
            return self._export(job_id, file, query)
        with appearing(file) as temporary:
            return self._export(job_id, temporary, query)

    def _export(self, job_id: int, file: IO[bytes], query: dict[str, Any]) -> int:
        written = 0
        with self._transport.request("GET", f"/jobs/{job_id}/export", query=query, stream=True) as answer:
            if not answer.headers.get("Content-Type", "").startswith(EXPORT_TYPES[query["format"]]):
                raise Refused.of(answer.status_code, None)
            try:
                for block in answer.iter_content(BLOCK_BYTES):
                    file.write(block)
                    written += len(block)
            except requests.RequestException as error:
                raise Unreachable("The export was cut off: what was written is incomplete; run it again.") from error
        return written

    def _get(self, path: str, query: dict[str, Any] | None = None) -> Any:
        return document_of(self._transport.request("GET", path, query=query))

    def _pages(self, path: str, query: dict[str, Any]) -> Iterator[Any]:
        cursor: dict[str, str] = {}
        while True:
            page = self._get(path, {**query, **cursor, "limit": 500})
            yield from page["results"]
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}


def _query(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _details(reference: str | None, metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """What is said of a job besides, as parameters of a query."""
    written = json_module.dumps(metadata, sort_keys=True) if metadata else None
    return _query(client_reference=reference, metadata=written)


def _body(visits: IO[bytes] | dict[str, Any]) -> IO[bytes]:
    if isinstance(visits, dict):
        return BytesIO(json_module.dumps(visits).encode())
    return visits


def _type_of(body: IO[bytes]) -> str:
    """Enough for the service to know that a file is coming; which it is, it finds out itself."""
    body.seek(0)
    head = body.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"PK"):
        return _WORKBOOK
    return "application/x-ndjson" if head.startswith((b"{", b"[")) else "text/csv"


def _key_of(body: IO[bytes], query: dict[str, Any]) -> str:
    body.seek(0)
    digest = hashlib.file_digest(body, "sha256")  # type: ignore[arg-type]  # typeshed wants a raw file
    digest.update(json_module.dumps(query, sort_keys=True).encode())
    return f"client-{digest.hexdigest()}"
