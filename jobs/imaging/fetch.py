"""URL -> Download: one image, within limits of time, size and redirects.

The format is decided by the bytes of the body; the Content-Type is only kept as evidence.
"""

import math
import re
import threading
import weakref
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import IO, Self, cast

import requests
from django.conf import settings

from jobs import errors
from jobs.imaging import failures, redirects, retry_after
from jobs.imaging.body import Body, MemoryBudget
from jobs.imaging.deadline import Deadline, Watchdog
from jobs.imaging.guard import Guard, Target
from jobs.imaging.host_cap import HostCap
from jobs.imaging.printable import printable
from jobs.imaging.resolver import Resolver
from jobs.imaging.sockets import CONNECT_SECONDS, READ_SECONDS, Connector
from jobs.imaging.transport import GuardedResponse, GuardedSession, tls_context
from jobs.imaging.types import Evidence

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MEMORY_BYTES = 64 * 2**20
# Large, so that one read takes all that has arrived: with 128 KiB, a photo takes twice the processor time at 256 slots.
READ_BYTES = 2**19

# The codings of content that IANA registers (RFC 9110, section 8.4.1), and others that servers have used. Whatever else
# stands in Content-Encoding, such as UTF-8, none or image/jpeg, is a mistake: the bytes are as they are.
CODINGS = frozenset({
    "aes128gcm", "br", "bzip2", "compress", "dcb", "dcz", "deflate", "exi", "gzip", "lz4", "lzma", "pack200-gzip",
    "sdch", "snappy", "x-bzip2", "x-compress", "x-deflate", "x-gzip", "x-xz", "xz", "zstd",
})  # fmt: skip

MAX_CONTENT_TYPE = 100
MAX_HEADER_SHOWN = 100
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(slots=True)
class Download:
    """A downloaded file. A context manager: leaving it frees the memory or disk space."""

    body: Body
    framed: bool
    """Whether Content-Length or chunked encoding proved that the body is complete."""

    @property
    def file(self) -> IO[bytes]:
        return self.body.file

    def close(self) -> None:
        self.body.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Fetcher:
    """Fetches images for many threads at once; `close` it after use.

    `deadline_seconds` is for one whole download: look-up, connection, redirects, body. `per_host` is how many
    concurrent downloads one host gets at most, 0 for no limit. `timeouts` are for one connection attempt and for
    one read. All downloads together keep up to `memory_bytes` in memory, the rest in temporary files.
    `ca_file` replaces the public certificate authorities.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        deadline_seconds: float,
        max_bytes: int,
        max_redirects: int,
        per_host: int = 0,
        memory_bytes: int = MEMORY_BYTES,
        resolver: Resolver | None = None,
        ca_file: str | None = None,
        timeouts: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
    ) -> None:
        self._guard = guard
        self._max_bytes = max_bytes
        self._max_redirects = max_redirects
        self._cap = HostCap(per_host)
        self._budget = MemoryBudget(memory_bytes)
        self._resolver = resolver or Resolver()
        self._tls = tls_context(ca_file)
        self._timeouts = timeouts
        self._watchdog = Watchdog(deadline_seconds)
        self._thread = threading.local()
        self._sessions: weakref.WeakSet[GuardedSession] = weakref.WeakSet()

    @classmethod
    def from_settings(cls) -> Self:
        return cls(
            Guard.from_settings(),
            deadline_seconds=settings.FETCH_DEADLINE_SECONDS,
            max_bytes=settings.FETCH_MAX_BYTES,
            max_redirects=settings.FETCH_MAX_REDIRECTS,
            per_host=settings.FETCH_PER_HOST,
            memory_bytes=settings.FETCH_MEMORY_BYTES,
        )

    def close(self) -> None:
        """Abort running downloads, which end as `deadline`, and close all idle connections."""
        self._watchdog.close()
        for session in list(self._sessions):
            session.close()

    def fetch(self, url: str, evidence: Evidence) -> Download:
        """The image at `url`; raises a FetchError, or HostBusy. What is learned on the way goes into `evidence`."""
        target = self._guard.admit(url)
        with self._watchdog.deadline() as deadline:
            for _ in range(self._max_redirects + 1):
                with (
                    self._cap.download(f"{target.host}:{target.port}"),
                    closing(self._open(target.url, deadline, evidence)) as response,
                ):
                    # A socket that the watchdog has shut down looks like the end of the header, too.
                    deadline.check()
                    evidence.http_status = response.status_code
                    evidence.content_type = _declared(response.headers.get("Content-Type", ""))
                    if response.status_code == 200:
                        return self._download(response, deadline, evidence)
                    if response.status_code not in REDIRECTS:
                        wait = retry_after.seconds(_raw(response).fields.get("retry-after", []))
                        raise errors.HTTPStatus(response.status_code, retry_after=wait)
                    # The body of a redirect is not read: it may be endless.
                    target = self._redirected(target, response, evidence)
        raise errors.TooManyRedirects

    def _open(self, url: str, deadline: Deadline, evidence: Evidence) -> requests.Response:
        session = self._session()
        try:
            return session.open(url, deadline)
        finally:
            evidence.address_class = session.address_class

    def _session(self) -> GuardedSession:
        """This thread's session: threads share no connections, so that none can disturb another."""
        session: GuardedSession | None = getattr(self._thread, "session", None)
        if session is None:
            session = GuardedSession(Connector(self._guard, self._resolver, self._timeouts), self._tls)
            self._thread.session = session
            self._sessions.add(session)
        return session

    def _redirected(self, target: Target, response: requests.Response, evidence: Evidence) -> Target:
        """The next target: a redirect passes the same checks as the first URL, but may be longer."""
        locations = redirects.locations(_raw(response).fields.get("location", ()))
        if not locations:
            raise errors.BadRedirect("The URL redirects without saying where.")
        if len(locations) > 1 and not self._are_one(target, locations):
            evidence.redirects += map(redirects.shown, locations[:2])
            raise errors.BadRedirect("The URL redirects to different addresses at once.")
        try:
            following = self._destination(target, locations[0])
        except (errors.InvalidURL, errors.Blocked) as error:
            evidence.redirects.append(redirects.shown(locations[0]))
            code = errors.BadRedirect if isinstance(error, errors.InvalidURL) else errors.Blocked
            raise code(_with_reason(errors.BadRedirect, error)) from None
        evidence.redirects.append(redirects.shown(following.url))
        if (target.scheme, following.scheme) == ("https", "http"):
            raise errors.BadRedirect("The URL redirects from https to unencrypted http.")
        return following

    def _are_one(self, target: Target, locations: list[str]) -> bool:
        """Whether different spellings lead to the same URL, such as a relative and an absolute one."""
        try:
            return len({self._destination(target, location).url for location in locations}) == 1
        except (errors.InvalidURL, errors.Blocked):
            return False

    def _destination(self, target: Target, location: str) -> Target:
        return self._guard.admit(redirects.resolve(target.url, location), longest=math.inf)

    def _download(self, response: requests.Response, deadline: Deadline, evidence: Evidence) -> Download:
        framed = self._check_header(response)
        body = Body(self._budget, _raw(response).length)
        try:
            evidence.bytes = 0
            for piece in _pieces(response, deadline):
                evidence.bytes += len(piece)
                if evidence.bytes > self._max_bytes:
                    raise self._too_large()
                body.write(piece)
            body.file.seek(0)
        except BaseException:
            body.close()
            raise
        return Download(body, framed)

    def _check_header(self, response: requests.Response) -> bool:
        """Whether the body is framed; raises ContentEncoding, ProtocolViolation, TooLarge (RFC 9112, section 6)."""
        raw = _raw(response)
        if CODINGS.intersection(member.partition(";")[0].rstrip() for member in raw.members("content-encoding")):
            raise errors.ContentEncoding(_naming(errors.ContentEncoding, response, "Content-Encoding"))
        if raw.transfer_codings:
            if not raw.chunked:
                raise errors.ProtocolViolation(_naming(errors.ProtocolViolation, response, "Transfer-Encoding"))
            return True
        lengths = raw.members("content-length")
        if not lengths:
            return False
        length = lengths.pop()
        if lengths or not (length.isascii() and length.isdecimal()):
            raise errors.ProtocolViolation(_naming(errors.ProtocolViolation, response, "Content-Length"))
        # float, because int refuses thousands of digits.
        if float(length) > self._max_bytes:
            raise self._too_large()
        return True

    def _too_large(self) -> errors.TooLarge:
        return errors.TooLarge(f"The image is larger than {self._max_bytes:,} bytes.")


def _raw(response: requests.Response) -> GuardedResponse:
    return cast(GuardedResponse, response.raw)


def _with_reason(error: type[errors.FetchError], reason: errors.FetchError) -> str:
    """The sentence of `error`, with that of `reason` as its end."""
    text = str(reason)
    return f"{error.sentence.removesuffix('.')}: {text[0].lower()}{text[1:]}"


def _naming(error: type[errors.FetchError], response: requests.Response, header: str) -> str:
    """The sentence of `error`, with the header that it is about, as the server sent it."""
    value = printable(response.headers[header], MAX_HEADER_SHOWN)
    return f"{error.sentence.removesuffix('.')} ({header}: {value or 'empty'})."


def _declared(content_type: str) -> str:
    return _CONTROLS.sub("", content_type)[:MAX_CONTENT_TYPE].strip()


def _pieces(response: requests.Response, deadline: Deadline) -> Iterator[bytes]:
    """The body as it arrives. `iter_content` would wait for full pieces from a slow server."""
    raw = _raw(response)
    while True:
        try:
            piece = raw.read1(READ_BYTES)
        except failures.LIBRARY_ERRORS as error:
            deadline.check()
            raise failures.in_the_body(error) from error
        # A socket that the watchdog has shut down looks like the end of the body.
        deadline.check()
        if not piece:
            if raw.length:
                raise errors.Truncated
            return
        yield piece
