"""The documents of API v1, made by `generate_types.py` from the OpenAPI document: not to be edited."""

from typing import Any, Literal, NotRequired, TypedDict


class ProblemError(TypedDict):
    pointer: NotRequired[str]
    store_id: NotRequired[str]
    job_id: NotRequired[int]
    parameter: NotRequired[str]
    line: NotRequired[int | None]
    column: NotRequired[str | None]
    detail: str


class Problem(TypedDict):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list["ProblemError"]]
    job_id: NotRequired[int]
    job: NotRequired[str]
    request_id: NotRequired[str]


class Retried(TypedDict):
    """The result of a retry."""

    reopened: int
    still_unknown: int
    still_refused: int
    job: "JobDetail"


class RetryPreview(TypedDict):
    """The images that a retry would match: `matching` is the sum of the three others."""

    matching: int
    retryable: int
    permanent: int
    unknown_store: int


class FailureGroup(TypedDict):
    """Images of one job that failed in the same way; `code`, `host` and `area` are the filter that finds them."""

    code: str
    host: str
    area: str | None
    images: int
    retryable: bool
    message: str


class FailureGroups(TypedDict):
    """A job's failures, the largest groups first."""

    images: int
    groups: list["FailureGroup"]
    more_groups: int


class VisitCounts(TypedDict):
    """How many of the visit's images are in each state: the four others always sum to `total`."""

    total: int
    pending: int
    running: int
    completed: int
    failed: int


class VisitRow(TypedDict):
    """One visit."""

    id: int
    job_id: int
    store_id: str
    visit_time: str
    visited_at: str | None
    visited_by: str
    client_reference: str | None
    metadata: dict[str, Any]
    counts: "VisitCounts"


class Timings(TypedDict):
    """Of the last attempt, in milliseconds; null for steps that it did not reach."""

    fetch_ms: int | None
    measure_ms: int | None
    gpu_ms: int | None


class ImageError(TypedDict):
    """Why an image failed."""

    code: str
    message: str
    retryable: bool


class Image(TypedDict):
    """One image of a visit."""

    id: int
    store_id: str
    visit_time: str
    image_url: str
    host: str
    state: Literal["pending", "running", "completed", "failed"]
    width: int | None
    height: int | None
    perimeter: int | None
    format: str | None
    bytes: int | None
    attempts: int
    waits_for: str | None
    finished_at: str | None
    timings: "Timings"
    gpu_result: Any
    error: "ImageError | None"
    client_reference: str | None
    metadata: dict[str, Any] | None


class FindingRow(TypedDict):
    """One error or warning."""

    code: str
    detail: str
    pointer: str


class Numbers(TypedDict):
    """Counts over the valid visits."""

    visits: int
    images: int
    stores: int
    hosts: int


class Group(TypedDict):
    """Parts of the body that have something in common."""

    subject: str
    count: int
    places: list[str]


class Groups(TypedDict):
    """The largest of `total` groups, which have `count` members altogether."""

    total: int
    count: int
    listed: list["Group"]


class RehearsalRow(TypedDict):
    """What a submission would do; everything but `errors` covers only the valid visits."""

    accepted: bool
    errors: list["FindingRow"]
    warnings: list["FindingRow"]
    numbers: "Numbers"
    unknown_stores: "Groups"
    refused_by_rules: "Groups"
    repeated_urls: "Groups"
    repeated_visits: "Groups"
    refused_urls: "Groups"
    undated_visits: "Groups"
    doubtful_stores: "Groups"
    invisible_characters: "Groups"
    several_urls: "Groups"
    seconds: float | None
    notes: list[str]


class Counts(TypedDict):
    """How many images are in each state: the five others always sum to `total`."""

    total: int
    pending: int
    running: int
    completed: int
    failed: int
    canceled: int


class Estimate(TypedDict):
    """When the job may end: between two times, as far as it does what past jobs did; else not before one."""

    images_per_second: float
    earliest: str
    latest: str | None
    least_seconds: float
    most_seconds: float | None
    covers: float | None
    past_jobs: int


class WaitingFor(TypedDict):
    """A paused host: it gets no request for a while, and some of the job's images wait for it."""

    host: str
    code: str
    message: str
    since: str
    until: str
    images: int


class StoreError(TypedDict):
    """What failed of one store."""

    store_id: str
    error: str


class JobDetail(TypedDict):
    """One job."""

    id: int
    state: Literal["queued", "running", "paused", "canceling", "ended"]
    outcome: Literal["completed", "failed", "canceled"] | None
    counts: "Counts"
    progress: float
    estimate: "Estimate | None"
    waiting_for: list["WaitingFor"]
    all_waiting: bool
    priority: int
    on_error: Literal["continue", "stop_store"]
    owner: str | None
    created_at: str
    started_at: str | None
    paused_at: str | None
    finished_at: str | None
    request_id: str
    client_reference: str | None
    metadata: dict[str, Any]
    links: dict[str, Any]
    store_errors: list["StoreError"]
    store_errors_total: int
