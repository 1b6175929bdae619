"""What each code of `errors.py` means to a person: what usually causes it, and what to do about it.

For whoever leads the field work, and for whoever writes the program that submits. Pages and the API say it with
`explain`, the page of all codes with `explanations` and FAMILIES.
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
    Retry.AUTOMATIC: "It is tried again by itself; after the last attempt, a retry may help.",
    Retry.ON_REQUEST: "It was never tried to its end: a retry takes it up.",
    Retry.AFTER_REPAIR: "It would end alike: a retry helps only once the cause is mended.",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """`sentence` is what happened, `advice` what usually causes it and what to do."""

    code: str
    sentence: str
    advice: str
    retry: Retry


@dataclass(frozen=True, slots=True)
class Family:
    """HTTP statuses other than 200 that mean the same to a person; `statuses` are those worth naming."""

    title: str
    advice: str
    statuses: tuple[int, ...]


ADVICE: dict[type[ImageError], str] = {
    errors.InvalidURL: (
        "Usually a typing mistake, or a link that was cut short on its way. Correct it where it comes from and submit "
        "the visit again: a retry would ask for the same URL."
    ),
    errors.Blocked: (
        "The host is inside a network that is not public, or the URL names an unusual scheme or port. Submit the "
        "photo's public address; where this service is meant to reach such a place, its operator can open it "
        "(FETCH_ALLOW_CIDRS, FETCH_ALLOW_PORTS)."
    ),
    errors.DNSNotFound: (
        "The host name is misspelt, or the photo host has moved or lost its domain. Open the URL in a browser: correct "
        "it and submit the visit again, or retry once the name is back."
    ),
    errors.DNSTimeout: (
        "The name servers, the photo host's or our own, did not answer for minutes, while the photos waited: retry "
        "later. Where many hosts fail like this, this service's operator has to look at its DNS."
    ),
    errors.ConnectionFailed: (
        "The photo host was down for longer than photos wait for it (HOST_PATIENCE_SECONDS), or a firewall turns us "
        "away. Retry later; if a browser opens the URL all the same, ask the host's operator to let this service in."
    ),
    errors.TLSFailed: (
        "The photo host's certificate has expired, or is for another name, or is signed by nobody we know. Its "
        "operator has to renew it; retry then."
    ),
    errors.ReadTimeout: (
        "The photo host is overloaded, or its line is bad. This service slowed down by itself and waited for it "
        "(HOST_PATIENCE_SECONDS) before attempts counted: retry at a quieter hour, or tell the host's operator."
    ),
    errors.DeadlineExceeded: (
        "A very slow photo host, although it was asked for fewer photos at once, or very large photos. Retry at a "
        "quieter hour, send smaller photos, or have this service's operator allow more time (FETCH_DEADLINE_SECONDS)."
    ),
    errors.Truncated: (
        "The connection broke, or the file at the host is shorter than it should be. Retry; if it ends like this "
        "again, have the photo uploaded anew."
    ),
    errors.TooLarge: (
        "Perhaps a video, or a photo that was never scaled down. Have a smaller one uploaded, or have this service's "
        "operator raise the limit (FETCH_MAX_BYTES); then retry."
    ),
    errors.ProtocolViolation: (
        "At this address something answers that is no web server, or a broken one. Check the URL's host and port; if "
        "they are right, tell the host's operator."
    ),
    errors.ContentEncoding: (
        "The photo host, or the network in front of it, compresses whatever it sends. Its operator has to switch "
        "compression (gzip, br) off for images; retry then."
    ),
    errors.TooManyRedirects: (
        "The URL leads in a circle, often past a page to sign in at. Open it in a private browser window, and submit "
        "the address at which the photo itself appears."
    ),
    errors.BadRedirect: (
        "The photo host sends us on to a URL that is broken, or that is unencrypted while the first one was https. "
        "Submit the address at which the photo itself appears, or ask the host's operator to correct the redirect."
    ),
    errors.HTTPStatus: (
        "The photo host answered with something other than the photo. Its status tells why, and stands in the code."
    ),
    errors.NotAnImage: (
        "Mostly a page to sign in at, or an error page, in the photo's place; the declared content type shows it. Open "
        "the URL in a private browser window, and submit a link that leads to the photo itself."
    ),
    errors.UnsupportedFormat: (
        "Mostly HEIC from a phone, a PDF or a drawing. Have the photo saved as JPEG, PNG or WebP and uploaded, and "
        "submit the visit again."
    ),
    errors.CorruptImage: (
        "The file was damaged before it came to us, mostly by an upload that broke off. Have the photo uploaded anew; "
        "then retry."
    ),
    errors.TooManyPixels: (
        "A panorama or a scan, or a file made to exhaust whoever opens it. Have a smaller photo uploaded, or have this "
        "service's operator raise the limit (IMAGE_MAX_PIXELS); then retry."
    ),
    errors.HeaderTooComplex: (
        "No camera writes such a file: it is broken, or made to do harm. Have the photo saved anew by an image program "
        "and uploaded; then retry."
    ),
    errors.GPUFailed: (
        "The model could not work on this photo, or was in trouble itself. Retry; if it fails again, whoever looks "
        "after the model finds the reason in this service's log."
    ),
    errors.Internal: (
        "The mistake is this service's and not the photo's. Retry; if it comes back, tell this service's operator "
        "the job's number, by which the log finds the reason."
    ),
    errors.CrashLoop: (
        "The photo most likely brings down what reads it. Have this service's operator look into it before anybody "
        "retries, or submit the visit with the photo saved anew."
    ),
    errors.UnknownStore: (
        "The store is new, or its id is misspelt. Import a store master that holds it and retry: the photos are "
        "fetched then. Where the id is wrong, submit the visit again with the right one."
    ),
    errors.Skipped: (
        "Look at the store's image that failed, which says what stopped the others. A retry takes the skipped ones up "
        "after it."
    ),
    errors.Canceled: "Somebody canceled the job. If the photos are wanted after all, a retry takes them up.",
}

# As `errors.HTTPStatus` has it, a host that is for the moment not able to serve.
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
    "The photo host is broken or overloaded, which often passes: retry later. If it lasts, its operator has to look "
    "into it.",
    (
        *(status.value for status in http.HTTPStatus if status.value >= 500 and status.value not in _UNAVAILABLE),
        # Cloudflare's own, which stands in front of many photo hosts: it could not reach the host behind it.
        *range(520, 528),
        530,
    ),
)
FAMILIES = (
    Family(
        "401 and 403: the photo is not for everybody",
        "The photo host wants a sign-in, or refuses us, or the link was signed and has expired. Ask its operator "
        "to let this service in, or submit a fresh link that opens in a private browser window.",
        (401, 403),
    ),
    Family(
        "404 and 410: there is no photo",
        "The photo was deleted or never uploaded, or the URL is misspelt. Open the URL in a browser: have the photo "
        "uploaded and retry, or submit the visit again with the right URL.",
        (404, 410),
    ),
    Family(
        "429: we ask too often",
        "The photo host limits how often it may be asked. This service slowed down by itself and waited for it "
        "(HOST_PATIENCE_SECONDS) before attempts counted: retry later, or ask the host's operator to allow more.",
        (429,),
    ),
    Family(
        "502, 503 and 504: the photo host cannot serve now",
        "The photo host, or what stands behind it, was overloaded or down for longer than photos wait for it "
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
    """What `code` means; one that this release does not know, as an older one may have stored it, is said to be so."""
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
    """Of every code but those of HTTP statuses, which are in FAMILIES; in the order of `errors.py`."""
    return (explain(code) for code, error in _BY_CODE.items() if error is not errors.HTTPStatus)


def _retry(code: str) -> Retry:
    if errors.is_transient(code):
        return Retry.AUTOMATIC
    return Retry.ON_REQUEST if code in errors.retryable_codes() else Retry.AFTER_REPAIR
