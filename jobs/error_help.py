"""What each code of `errors.py` means to a person: what usually causes it, and what to do about it.

Written for those who manage the field work and for the developers of clients. Pages and the API use `explain`, the
page of all codes uses `explanations` and FAMILIES.
"""

import http
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from jobs import errors
from jobs.errors import ImageError


class Retry(StrEnum):
    """Whether another attempt can help."""

    AUTOMATIC = "automatic"
    ON_REQUEST = "on request"
    AFTER_REPAIR = "after repair"

    @property
    def sentence(self) -> str:
        return _RETRY_SENTENCES[self]


_RETRY_SENTENCES = {
    Retry.AUTOMATIC: "It is retried automatically; after the last attempt, a retry may help.",
    Retry.ON_REQUEST: "It was never fully tried: a retry processes it.",
    Retry.AFTER_REPAIR: "It would fail again: a retry helps only once the cause is fixed.",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """`sentence` says what happened, `advice` what usually causes it and what to do."""

    code: str
    sentence: str
    advice: str
    retry: Retry


@dataclass(frozen=True, slots=True)
class Family:
    """HTTP statuses other than 200 that mean the same to a person; `statuses` are the ones listed on the page."""

    title: str
    advice: str
    statuses: tuple[int, ...]


ADVICE: dict[type[ImageError], str] = {
    errors.InvalidURL: (
        "Usually a typing mistake, or a link that was cut off. Correct it at its source and submit the visit again: a "
        "retry would request the same URL."
    ),
    errors.Blocked: (
        "The URL, or one that it redirects to, leads into a network that is not public, or names an unusual scheme or "
        "port. Submit the photo's public address; if this service is meant to reach such hosts, its operator can allow "
        "it (FETCH_ALLOW_CIDRS, FETCH_ALLOW_PORTS)."
    ),
    errors.DNSNotFound: (
        "The host name is misspelled, or the photo host has moved or lost its domain. Open the URL in a browser: "
        "correct it and submit the visit again, or retry once the name exists again."
    ),
    errors.DNSTimeout: (
        "The name servers, the photo host's or our own, did not answer for minutes while the photos waited: retry "
        "later. If many hosts fail like this, this service's operator has to check its DNS."
    ),
    errors.ConnectionFailed: (
        "The photo host was down for longer than photos wait for it (HOST_PATIENCE_SECONDS), or a firewall blocks this "
        "service. Retry later; if a browser can open the URL, ask the host's operator to let this service in."
    ),
    errors.TLSFailed: (
        "The sentence of the failed image says what is wrong. The photo host's operator has to renew or complete the "
        "certificate: retry then. A browser may show the photo all the same, because it knows how to find the missing "
        "part of an incomplete chain."
    ),
    errors.ReadTimeout: (
        "The photo host is overloaded, or its connection is bad. This service slowed down automatically and waited for "
        "it (HOST_PATIENCE_SECONDS) before attempts counted: retry at a quieter hour, or tell the host's operator."
    ),
    errors.DeadlineExceeded: (
        "A very slow photo host, even with fewer photos requested at once, or very large photos. Retry at a "
        "quieter hour, send smaller photos, or have this service's operator allow more time (FETCH_DEADLINE_SECONDS)."
    ),
    errors.Truncated: (
        "The connection broke, or the file at the host is shorter than it should be. Retry; if this happens again, "
        "have the photo uploaded again."
    ),
    errors.TooLarge: (
        "Perhaps a video, or a photo that was never scaled down. Have a smaller one uploaded, or have this service's "
        "operator raise the limit (FETCH_MAX_BYTES); then retry."
    ),
    errors.ProtocolViolation: (
        "What answers at this address is not a web server, or a broken one. Check the URL's host and port; if they are "
        "right, tell the host's operator."
    ),
    errors.ContentEncoding: (
        "The photo host, or the network in front of it, compresses everything it sends. Its operator has to turn "
        "compression (gzip, br) off for images; retry then."
    ),
    errors.TooManyRedirects: (
        "The URL leads in a circle, often through a sign-in page. Open it in a private browser window, and submit "
        "the address at which the photo itself appears."
    ),
    errors.BadRedirect: (
        "The photo host redirects to a URL that is broken, or unencrypted while the first one was https; the image's "
        "page shows it. Submit the address at which the photo itself appears, or ask the host's operator to correct "
        "the redirect."
    ),
    errors.HTTPStatus: (
        "The photo host answered with something other than the photo. The code names its status, which says why."
    ),
    errors.NotAnImage: (
        "Usually a sign-in page or an error page in place of the photo; the declared content type shows it. Open the "
        "URL in a private browser window, and submit a link that leads to the photo itself."
    ),
    errors.UnsupportedFormat: (
        "Usually HEIC or a video from a phone, a raw file from a camera, a PDF or a drawing. Have the photo saved as "
        "JPEG, PNG or WebP and uploaded, and submit the visit again."
    ),
    errors.CorruptImage: (
        "The file was damaged before this service fetched it, usually by an interrupted upload, or it is not what its "
        "first bytes say. Have the photo uploaded again; then retry."
    ),
    errors.TooManyPixels: (
        "A panorama or a scan, or a file made to exhaust the program that opens it. Have a smaller photo uploaded, "
        "or have this service's operator raise the limit (IMAGE_MAX_PIXELS) or not decode photos (IMAGE_CHECK); then "
        "retry."
    ),
    errors.HeaderTooComplex: (
        "Some programs add a piece to the file whenever they save, and reading very many would hold up other photos; a "
        "broken or hostile file may look the same. Have the photo exported without its metadata and uploaded; then "
        "retry."
    ),
    errors.GPUFailed: (
        "The model could not process this photo, or failed itself. Retry; if it fails again, the model's "
        "maintainer will find the reason in this service's log."
    ),
    errors.Internal: (
        "This is a fault of this service, not of the photo. Retry; if it happens again, tell this service's operator "
        "the job's number, under which the log has the reason."
    ),
    errors.CrashLoop: (
        "The photo most likely crashes the program that reads it. Have this service's operator look into it before "
        "retrying, or save the photo again and submit the visit with the new file."
    ),
    errors.UnknownStore: (
        "The store is new, or its id is misspelled. Import a store master that includes it and retry: the photos are "
        "fetched then. If the id is wrong, submit the visit again with the right one."
    ),
    errors.TooManyForCategory: (
        "The visit may hold photos twice, or those of several visits. Submit the ones that are missing as a visit of "
        "their own, or have the rule of the category changed and retry: a retry asks the rule again."
    ),
    errors.HostNotAllowed: (
        "The photo was stored at another host than those that the rule of the category names. Upload it there and "
        "submit the visit again, or have the host added to the rule and retry: a retry asks the rule again."
    ),
    errors.BelowCategorySize: (
        "A preview in place of the photo, or an app that scales photos down. Have the full photo uploaded and retry, "
        "or have the rule of the category changed: a retry asks the rule again."
    ),
    errors.Skipped: (
        "Look at the store's image that failed: it stopped the others. A retry processes the skipped images after it."
    ),
    errors.Canceled: "Somebody canceled the job. If the photos are wanted after all, a retry processes them.",
}

# The statuses of a host that is currently unable to serve, as in `errors.HTTPStatus`.
_UNAVAILABLE = (502, 503, 504)
_OTHER = Family(
    "Any other status",
    "The photo host answered with something other than the photo. Open the URL in a private browser window; if the "
    "photo appears there, tell the host's operator which status this service gets.",
    tuple(
        status.value
        for status in http.HTTPStatus
        if status.value < 500 and status.value not in (200, 401, 403, 404, 410, 429)
    ),
)
_SERVER = Family(
    "500 and above: the photo host has failed",
    "The photo host is broken or overloaded, often only for a while: retry later. If it lasts, its operator has to "
    "look into it.",
    (
        *(status.value for status in http.HTTPStatus if status.value >= 500 and status.value not in _UNAVAILABLE),
        # Cloudflare's own: it is the proxy of many photo hosts, and could not reach the host behind it.
        *range(520, 528),
        530,
    ),
)
FAMILIES = (
    Family(
        "401 and 403: access to the photo is denied",
        "The photo host wants a sign-in, or refuses this service, or the signed link has expired. Ask its operator to "
        "let this service in, or submit a new link that opens in a private browser window.",
        (401, 403),
    ),
    Family(
        "404 and 410: there is no photo",
        "The photo was deleted or never uploaded, or the URL is misspelled. Open the URL in a browser: have the photo "
        "uploaded and retry, or submit the visit again with the right URL.",
        (404, 410),
    ),
    Family(
        "429: too many requests",
        "The photo host limits how many requests it takes. This service slowed down automatically and waited for it "
        "(HOST_PATIENCE_SECONDS) before attempts counted: retry later, or ask the host's operator to allow more.",
        (429,),
    ),
    Family(
        "502, 503 and 504: the photo host cannot serve now",
        "The photo host, or a server behind it, was overloaded or down for longer than photos wait for it "
        "(HOST_PATIENCE_SECONDS): retry later. If it lasts, its operator has to look into it.",
        _UNAVAILABLE,
    ),
    _SERVER,
    _OTHER,
)

_BY_CODE = {error.code: error for error in errors.all_errors()}
_BY_STATUS = {status: family for family in FAMILIES for status in family.statuses}
_HTTP_CODE = re.compile(r"http_([1-9][0-9]{2})")


def explain(code: str) -> Explanation:
    """What `code` means; a code that this release does not know, stored by another one, is explained as such."""
    if found := _HTTP_CODE.fullmatch(code):
        status = int(found[1])
        family = _BY_STATUS.get(status) or (_SERVER if status >= 500 else _OTHER)
        return Explanation(code, str(errors.HTTPStatus(status)), family.advice, _retry(code))
    error = _BY_CODE.get(code)
    if error is None:
        return Explanation(
            code,
            "This release does not know the code.",
            "It was stored by another release of this service, whose documentation explains it.",
            Retry.AFTER_REPAIR,
        )
    return Explanation(code, error.sentence, ADVICE[error], _retry(code))


def explanations() -> Iterator[Explanation]:
    """The explanations of all codes but those of HTTP statuses, which are in FAMILIES; in the order of `errors.py`."""
    return (explain(code) for code, error in _BY_CODE.items() if error is not errors.HTTPStatus)


def _retry(code: str) -> Retry:
    if errors.is_transient(code):
        return Retry.AUTOMATIC
    return Retry.ON_REQUEST if code in errors.retryable_codes() else Retry.AFTER_REPAIR
