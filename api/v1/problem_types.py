"""Every way in which a request to `/api/v1/` is refused: the `type`, `title` and `status` of its problem (RFC 9457).

A slug is stable: clients may branch on the `type` URI, which links to the type's entry on this service's own page.
"""

from dataclasses import dataclass
from enum import Enum

PAGE = "/docs/problems/"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """`explanation` says what was wrong, `advice` what the client can do; `status` is the HTTP status."""

    slug: str
    title: str
    status: int
    explanation: str
    advice: str

    @property
    def uri(self) -> str:
        """The `type` of a problem, relative to the service's own address as RFC 9457 (section 3.1.1) allows."""
        return f"{PAGE}#{self.slug}"


class Problem(Enum):
    INVALID_REQUEST = ProblemType(
        "invalid-request",
        "A parameter is malformed",
        400,
        "The address or a query parameter cannot be read: an unknown filter, a cursor that is not ours, a limit out of "
        "range.",
        "Correct the parameters that the answer names. Take cursors from an earlier answer, unchanged.",
    )
    INVALID_SUBMISSION = ProblemType(
        "invalid-submission",
        "The body breaks the rules",
        400,
        "The body is not what this path takes. errors lists every fault at once, each with a sentence and its place: a "
        "JSON Pointer (RFC 6901), or the line and column of a file. Nothing was stored.",
        "Correct every place that is listed, and send the whole body again.",
    )
    MALFORMED_REQUEST = ProblemType(
        "malformed-request",
        "The request is not valid HTTP",
        400,
        "The request line or a header breaks the rules of HTTP (RFC 9112), so that nobody can be sure where the "
        "request ends. It was refused, and the connection closed.",
        "Use an HTTP library, and percent-encode what is put into an address.",
    )
    NOT_SIGNED_IN = ProblemType(
        "not-signed-in",
        "No valid credentials",
        401,
        "The request carries no credentials where they are needed, or ones that are wrong, revoked or expired.",
        "Send an API key or a token as Authorization: Bearer …. Refresh an expired token, or sign in again.",
    )
    NOT_ALLOWED = ProblemType(
        "not-allowed",
        "Not allowed with these credentials",
        403,
        "The credentials are valid but do not reach this far: an API key without the scope, a user without the "
        "permission, or a session without its CSRF token.",
        "Use a key with the scope that the answer names, or ask an administrator for the permission.",
    )
    CROSS_SITE = ProblemType(
        "cross-site",
        "Sent by another website's page",
        403,
        "A browser says, by Sec-Fetch-Site or Origin, that a page of another website sent this request, which carries "
        "no API key and no token. Nothing was done.",
        "Send it from this service's own pages or from a program, or with an API key or a token. Where the website is "
        "to be trusted, or a proxy changes the Host header, the operator adds its origin to CSRF_TRUSTED_ORIGINS.",
    )
    NOT_FOUND = ProblemType(
        "not-found",
        "There is nothing here",
        404,
        "The path does not exist, or what it names does not, or it belongs to somebody else: these look alike on "
        "purpose.",
        "Check the path and the number in it, and whose credentials the request carries.",
    )
    METHOD_NOT_ALLOWED = ProblemType(
        "method-not-allowed",
        "The path does not answer to this method",
        405,
        "The path exists, but not for this HTTP method.",
        "Use one of the methods that the header Allow names.",
    )
    TOO_SLOW = ProblemType(
        "too-slow",
        "The request came too slowly",
        408,
        "The headers did not arrive within WEB_HEAD_SECONDS, or the body was more than WEB_BODY_SECONDS behind "
        "WEB_BODY_BYTES_PER_SECOND, or took WEB_REQUEST_SECONDS. Nothing was stored, and the connection was closed.",
        "Send the request again, over a faster connection or in smaller parts.",
    )
    CONFLICT = ProblemType(
        "conflict",
        "Not possible in its present state",
        409,
        "What the path names has moved on, or never was in a state for this: for example, a job that has ended cannot "
        "be paused, nor can an import be carried out twice. Or another action on the job is still under way.",
        "Read it again, and decide by its state; where the job is busy, try again in a minute.",
    )
    REFERENCE_TAKEN = ProblemType(
        "reference-taken",
        "A client_reference is that of another job",
        409,
        "A job of the same owner, or a visit or an image in one, already has a client_reference of this submission. "
        "Nothing was stored. job_id and job say which job; errors lists each such reference with its place, and whose "
        "it is.",
        "Where it is the same submission sent again, read that job: there is nothing else to do. To try its failed "
        "images again, retry the job. To submit anew, delete that job, which frees its references, or choose others.",
    )
    FEED_SET_BACK = ProblemType(
        "feed-set-back",
        "The cursor is of another history",
        409,
        "The results feed does not hold what the cursor was given for: the database was restored from an older backup, "
        "or a failover has lost its latest commits. From this cursor on, results might be missed.",
        "Read the feed again from its beginning, without after, and replace what is stored under the same image_id and "
        "generation. Where that is too much, export a period that begins well before, and go on with after=latest.",
    )
    LENGTH_REQUIRED = ProblemType(
        "length-required",
        "The body's length is unknown",
        411,
        "The body came in chunks. It was refused unread, since its size could not be known.",
        "Send the body with Content-Length.",
    )
    TOO_LARGE = ProblemType(
        "too-large",
        "The body is too large",
        413,
        "The body is above the limit of this service (MAX_BODY_BYTES), and was refused unread.",
        "Send it in several parts, each a job or a file of its own.",
    )
    ADDRESS_TOO_LONG = ProblemType(
        "address-too-long",
        "The address is too long",
        414,
        "The request line is longer than the web server reads.",
        "Shorten the address: ask for fewer things at once, and send long values in a body.",
    )
    WRONG_MEDIA_TYPE = ProblemType(
        "wrong-media-type",
        "The body is of another type",
        415,
        "The body is not declared as what this path reads.",
        "Send the header Content-Type: application/json, or one of the types that the answer lists, also in its header "
        "Accept.",
    )
    COMPRESSED_BODY = ProblemType(
        "compressed-body",
        "The body is compressed",
        415,
        "The header Content-Encoding names a coding such as gzip. Bodies are read as they are sent.",
        "Send the body uncompressed, without the header Content-Encoding.",
    )
    IDEMPOTENCY_KEY_REUSED = ProblemType(
        "idempotency-key-reused",
        "The Idempotency-Key came with another body before",
        422,
        "Within the last 24 hours the same key came with a different body. Nothing was stored this time.",
        "Use a new key for a new submission. To repeat one, send exactly the body that it had.",
    )
    UNKNOWN_STORES = ProblemType(
        "unknown-stores",
        "Stores that the store master does not have",
        422,
        "The body names stores that are not in the store master. errors lists each with its place and its id.",
        "Correct the ids, or import the stores first.",
    )
    COORDINATES_MISSING = ProblemType(
        "coordinates-missing",
        "Stores without coordinates",
        422,
        "Nobody has said where some of the stores are. errors lists each with its place and its id.",
        "Leave them out, or import the stores with the columns Latitude and Longitude.",
    )
    TOO_OFTEN = ProblemType(
        "too-often",
        "Too many requests",
        429,
        "More requests came from this user or address, or more sign-ins failed, than are allowed in that time.",
        "Wait for the seconds of Retry-After, and ask less often.",
    )
    TOO_MANY_STREAMS = ProblemType(
        "too-many-streams",
        "Too many streams of events at once",
        429,
        "This user or address already has as many streams of live events as one client may (LIVE_STREAMS_PER_CLIENT).",
        "Close one, or ask for the job every few seconds instead, as Retry-After says.",
    )
    TOO_MANY_PENDING = ProblemType(
        "too-many-pending",
        "Too many images are still pending",
        429,
        "The submission or retry would give the job's owner more unfinished images than allowed (MAX_PENDING_IMAGES). "
        "Nothing was stored.",
        "Wait until some are finished, for the seconds of Retry-After at least, and send the request again.",
    )
    HEADERS_TOO_LARGE = ProblemType(
        "headers-too-large",
        "The headers are too large",
        431,
        "There are more headers than the web server reads, or one of them is longer.",
        "Send fewer or shorter headers. In a browser, delete this site's cookies.",
    )
    INTERNAL = ProblemType(
        "internal",
        "An error in this service",
        500,
        "An unexpected error in this service; its log has the details.",
        "Try once more, with the same Idempotency-Key where it is a submission. If it comes back, tell the service's "
        "operator its request_id.",
    )
    UNAVAILABLE = ProblemType(
        "unavailable",
        "Not available at the moment",
        503,
        "The database is away or its disk is full; or the storage of photos is, or too many photos are asked for at "
        "once; or the web server gave up an unfinished body, because there were too many at once, or because it is "
        "being restarted. Nothing was stored.",
        "Wait for the seconds of Retry-After and send the request again, with the same Idempotency-Key where it is "
        "a submission.",
    )
    QUERY_TOO_SLOW = ProblemType(
        "query-too-slow",
        "Broken off, because it took too long",
        503,
        "The database worked on it for as long as one may take (DATABASE_PATIENCE_SECONDS). Nothing was stored.",
        "Ask for less at once: a narrower filter, a smaller page, a smaller job. Else wait for the seconds of "
        "Retry-After; the database may have had too much to do.",
    )
