"""Why an image failed: one closed list of codes, each with its sentence.

::

    ImageError
    ├── FetchError                 the image could not be downloaded
    │   ├── InvalidURL             invalid_url
    │   ├── Blocked                blocked
    │   ├── DNSNotFound            dns_not_found        retried once
    │   ├── DNSTimeout             dns_timeout          retried
    │   ├── ConnectionFailed       connection           retried
    │   ├── TLSFailed              tls                  retried once
    │   ├── ReadTimeout            read_timeout         retried
    │   ├── DeadlineExceeded       deadline             retried
    │   ├── Truncated              truncated            retried
    │   ├── TooLarge               too_large
    │   ├── ProtocolViolation      protocol             retried once
    │   ├── ContentEncoding        content_encoding
    │   ├── TooManyRedirects       too_many_redirects
    │   ├── BadRedirect            bad_redirect
    │   └── HTTPStatus             http_404, http_503…  408 425 429 500 502 503 504 are retried
    ├── MeasureError               the bytes are not an image that can be trusted
    │   ├── NotAnImage             not_an_image
    │   ├── UnsupportedFormat      unsupported_format
    │   ├── CorruptImage           corrupt_image
    │   ├── TooManyPixels          too_many_pixels
    │   └── HeaderTooComplex       header_too_complex
    ├── GPUFailed                  gpu_failed           retried
    ├── Internal                   internal             retried
    ├── CrashLoop                  crash_loop           its process died MAX_CRASHES times
    ├── UnknownStore               unknown_store        never fetched; a retry looks the store up again
    ├── RuleViolated               a rule of the store's category refuses the image; a retry asks the rule again
    │   ├── TooManyForCategory     too_many_for_category  never fetched
    │   ├── HostNotAllowed         host_not_allowed     never fetched
    │   └── BelowCategorySize      below_category_size  fetched and measured
    ├── Skipped                    skipped              never fetched; on_error is stop_store
    └── Canceled                   canceled             not fetched, or not completely; its job was canceled

`code` is stable: clients may branch on it. `str(error)` is a sentence for people and never holds an internal
address, a response body or an object's address.
"""

from collections.abc import Iterator
from typing import ClassVar, Self

CAMERA_RAW = "a camera raw file"


class ImageError(Exception):
    """One image's attempt failed, or never took place.

    `retryable` says whether another attempt can help; `max_attempts` lowers MAX_ATTEMPTS for errors that are rarely
    transient; `retry_after` holds the seconds a server asked for. `is_refusal` says that the server is currently unable
    or unwilling to serve any request; `is_answer` that it handled this request.
    """

    code: str
    sentence: ClassVar[str]
    retryable: bool = False
    max_attempts: ClassVar[int | None] = None
    is_refusal: bool = False
    is_answer: bool = False

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(message or self.sentence)
        self.retry_after = retry_after

    def may_retry(self, attempts: int, limit: int) -> bool:
        """Whether an image with `attempts` finished attempts gets another one under MAX_ATTEMPTS `limit`."""
        return self.retryable and attempts < min(limit, self.max_attempts or limit)


class FetchError(ImageError):
    """The image could not be downloaded."""


class InvalidURL(FetchError):
    code = "invalid_url"
    sentence = "The URL cannot be fetched: it must be an http or https address with a valid host name."


class Blocked(FetchError):
    """Derived from neither OSError nor RequestException, so that no HTTP library retries or wraps it."""

    code = "blocked"
    sentence = "The URL points to an address or port that this service does not fetch from."


class DNSNotFound(FetchError):
    code = "dns_not_found"
    sentence = "The host name does not exist."
    retryable = True
    max_attempts = 2


class DNSTimeout(FetchError):
    code = "dns_timeout"
    sentence = "The host name could not be resolved in time."
    retryable = True
    is_refusal = True


class TooManyLookUps(DNSTimeout):
    """Too many look-ups hang in this process to begin another one, which is not the host's fault."""

    is_refusal = False


class ConnectionFailed(FetchError):
    code = "connection"
    sentence = "The connection to the server failed."
    retryable = True
    is_refusal = True


class TLSFailed(FetchError):
    code = "tls"
    sentence = "The server's TLS certificate or handshake was not acceptable."
    retryable = True
    max_attempts = 2


class ReadTimeout(FetchError):
    code = "read_timeout"
    sentence = "The server stopped sending."
    retryable = True
    is_refusal = True


class DeadlineExceeded(FetchError):
    code = "deadline"
    sentence = "The download did not finish within the time allowed for one image."
    retryable = True
    is_refusal = True


class Truncated(FetchError):
    code = "truncated"
    sentence = "The download ended before the image did."
    retryable = True


class TooLarge(FetchError):
    code = "too_large"
    sentence = "The image is larger than this service downloads."
    is_answer = True


class ProtocolViolation(FetchError):
    code = "protocol"
    sentence = "The server's answer is not valid HTTP."
    retryable = True
    max_attempts = 2


class ContentEncoding(FetchError):
    code = "content_encoding"
    sentence = "The server compressed the image although it was asked not to."
    is_answer = True


class TooManyRedirects(FetchError):
    code = "too_many_redirects"
    sentence = "The URL redirects too often."
    is_answer = True


class BadRedirect(FetchError):
    code = "bad_redirect"
    sentence = "The URL redirects to an address that cannot be followed."
    is_answer = True


class HTTPStatus(FetchError):
    """The server answered, but not with 200; the code carries the status: `http_404`."""

    # RFC 9110 and RFC 8470 say that a second request may succeed after these; any other status would be repeated.
    RETRYABLE_STATUSES: ClassVar[frozenset[int]] = frozenset({408, 425, 429, 500, 502, 503, 504})
    # Too many requests, and the answers of a server, or a gateway in front of it, that is overloaded or restarting.
    REFUSALS: ClassVar[frozenset[int]] = frozenset({429, 502, 503, 504})
    code = "http_<status>"
    sentence = "The server did not answer 200 OK."

    def __init__(self, status: int, *, retry_after: float | None = None) -> None:
        super().__init__(f"The server answered {status} instead of 200.", retry_after=retry_after)
        self.status = status
        self.code = f"http_{status}"
        self.retryable = status in self.RETRYABLE_STATUSES
        # A Retry-After makes any retryable status a refusal.
        self.is_refusal = status in self.REFUSALS or (self.retryable and retry_after is not None)
        self.is_answer = not self.is_refusal


class HostPaused(FetchError):
    """The last request to a paused host was refused: this counts for every image that waits for it, with its code."""

    sentence = "The photo host is not answering."
    retryable = True

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} The host has been refusing for some time, so this image was not requested again.")
        self.code = code


class MeasureError(ImageError):
    """The downloaded bytes are not an image that can be trusted."""


class NotAnImage(MeasureError):
    code = "not_an_image"
    sentence = "The downloaded file is not an image."


class UnsupportedFormat(MeasureError):
    code = "unsupported_format"
    sentence = "The file is in a format that this service does not read."

    @classmethod
    def named(cls, what: str) -> Self:
        """`what` completes "The file is ...": "HEIC", "a camera raw file"."""
        return cls(f"The file is {what}, which this service does not read.")


class CorruptImage(MeasureError):
    code = "corrupt_image"
    sentence = "The image is damaged."


class TooManyPixels(MeasureError):
    code = "too_many_pixels"
    sentence = "The image has more pixels than this service accepts."


class HeaderTooComplex(MeasureError):
    code = "header_too_complex"
    sentence = "The image's header has more parts than this service reads."


class GPUFailed(ImageError):
    code = "gpu_failed"
    sentence = "The model step failed on this image."
    retryable = True


class Internal(ImageError):
    code = "internal"
    sentence = "An unexpected error in this service; its log has the details."
    retryable = True


class CrashLoop(ImageError):
    code = "crash_loop"
    sentence = "The process working on this image died every time; the image was set aside."


class UnknownStore(ImageError):
    code = "unknown_store"
    sentence = "The store is not in the store master."


class RuleViolated(ImageError):
    """A rule of the store's category refuses the image, see `stores/models/category_rule.py`."""


class TooManyForCategory(RuleViolated):
    code = "too_many_for_category"
    sentence = "The visit has more images than the store's category takes."


class HostNotAllowed(RuleViolated):
    code = "host_not_allowed"
    sentence = "The store's category takes no images from this host."


class BelowCategorySize(RuleViolated):
    code = "below_category_size"
    sentence = "The image is smaller than the store's category asks for."


class Skipped(ImageError):
    code = "skipped"
    sentence = "Skipped, because another image of this store failed and on_error is stop_store."


class Canceled(ImageError):
    code = "canceled"
    sentence = "Not processed, because its job was canceled."


def all_errors() -> Iterator[type[ImageError]]:
    """Every class that defines its own code, in the order of the drawing above."""
    pending: list[type[ImageError]] = [ImageError]
    while pending:
        error = pending.pop(0)
        if "code" in vars(error):
            yield error
        pending[:0] = error.__subclasses__()


def unprocessed_codes() -> list[str]:
    """Of images that became final without having been tried: many at a time, so that they say nothing of a pace."""
    return [error.code for error in (UnknownStore, TooManyForCategory, HostNotAllowed, Skipped, Canceled)]


def is_transient(code: str) -> bool:
    """Whether a failure with this code may not recur, so that it is retried automatically; False for unknown codes."""
    prefix, _, status = code.partition("http_")
    if not prefix and status.isdecimal():
        return int(status) in HTTPStatus.RETRYABLE_STATUSES
    return any(error.code == code and error.retryable for error in all_errors())


def retryable_codes() -> list[str]:
    """The codes for which a person's retry can help: transient failures, and images that were never fully tried."""
    untried = [Skipped.code, Canceled.code]
    transient = [error.code for error in all_errors() if error.retryable]
    statuses = [f"http_{status}" for status in sorted(HTTPStatus.RETRYABLE_STATUSES)]
    return [*transient, *statuses, *untried]
