"""Paused photo hosts, and the images that wait for them.

Of the images that wait in the lanes of `queue/lanes.py`, only those whose host is paused count here: the others wait
for a busy host, which is ordinary pending work.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.db import connection

from jobs.models import Job, PausedHost
from jobs.states import JobState

# The images that wait for one host are counted up to this number; beyond it, pages say "more than".
MOST_COUNTED = 10_000
# How many of a job's hosts are listed: those with the most images.
MOST_OF_JOB = 20

# Its condition repeats that of the partial indexes image_deferred and image_deferred_of_job word for word.
_WAITING = """(
    SELECT count(*) FROM (
        SELECT FROM jobs_imageresult
        WHERE state = 'pending' AND NOT held AND waits_for <> '' AND waits_for = lane.name LIMIT %s
    ) waiting
)"""
_LANES = f"SELECT lane.name, {_WAITING} FROM unnest(%s::text[]) AS lane (name)"  # noqa: S608 - constants
_PAUSED = f"""
    SELECT name, code, message, since, until, number, {_WAITING}, hosts
    FROM (SELECT *, count(*) OVER () AS hosts FROM jobs_pausedhost ORDER BY since, name LIMIT %s) lane
    ORDER BY since, name
"""  # noqa: S608 - constants
# If no host is paused, no image is read.
_OF_JOBS = """
    WITH lane AS (
        SELECT job_id, waits_for, count(*) AS images FROM jobs_imageresult
        WHERE job_id = ANY(%s) AND state = 'pending' AND NOT held AND waits_for <> ''
            AND (SELECT EXISTS (SELECT FROM jobs_pausedhost))
        GROUP BY job_id, waits_for
    ), paused AS (
        SELECT lane.job_id, host.name, host.code, host.message, host.since, host.until, host.number, lane.images,
            sum(lane.images) OVER job AS all_images, count(*) OVER job AS hosts,
            count(*) FILTER (WHERE host.probed_by IS NOT NULL) OVER job AS probes,
            row_number() OVER (PARTITION BY lane.job_id ORDER BY lane.images DESC, host.name) AS place
        FROM lane JOIN jobs_pausedhost host ON host.name = lane.waits_for
        WINDOW job AS (PARTITION BY lane.job_id)
    )
    SELECT job_id, all_images::bigint, hosts, probes, name, code, message, since, until, number, images
    FROM paused WHERE place <= %s ORDER BY job_id, place
"""

_HTTP_CODE = re.compile(r"http_([1-9][0-9]{2})")
_REASONS = {
    "connection": "connections to it failed",
    "deadline": "downloads from it did not finish in time",
    "dns_timeout": "its name could not be resolved in time",
    "read_timeout": "it stopped sending",
}


def displayed(host: str) -> str:
    """The host as people know it: without the default port of https."""
    return host.removesuffix(":443")


def reason(code: str) -> str:
    """Why a host was paused, as a clause such as `it answered 503`."""
    if found := _HTTP_CODE.fullmatch(code):
        return f"it answered {found[1]}"
    return _REASONS.get(code, f"its last request failed as {code}")


@dataclass(frozen=True, slots=True)
class PausedFor:
    """A paused host ("photos.example:443"), why and until when it is paused, and how many `images` wait for it.

    `code` and `message` are those of its last refusal; `since` is when it first refused, `number` how many pauses it
    has had since. `until` is in the past while the host is being probed, and when no engine is running.
    """

    host: str
    code: str
    message: str
    since: datetime
    until: datetime
    number: int
    images: int

    @property
    def name(self) -> str:
        return displayed(self.host)

    @property
    def reason(self) -> str:
        return reason(self.code)


@dataclass(frozen=True, slots=True)
class PausedHosts:
    """Those that have been refusing for the longest; `more` is how many hosts are not listed.

    The images of each host are counted up to MOST_COUNTED.
    """

    hosts: Sequence[PausedFor]
    more: int


@dataclass(frozen=True, slots=True)
class Waits:
    """The paused hosts that a job waits for, at most MOST_OF_JOB of them; `more` is how many are not listed.

    `images` wait for all of these hosts together. `is_all` says that the job has no other work before one of them
    answers; an image in flight to probe a host does not count as work.
    """

    hosts: Sequence[PausedFor] = ()
    more: int = 0
    images: int = 0
    is_all: bool = False

    @property
    def revision(self) -> str:
        """A text that changes whenever any of this does; empty if there are no hosts."""
        return sha256(repr(self).encode()).hexdigest()[:8] if self.hosts else ""


NONE = Waits()


def waiting_images(hosts: Iterable[str]) -> dict[str, int]:
    """How many images wait for each of these hosts, counted up to MOST_COUNTED. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_LANES, [MOST_COUNTED, list(hosts)])
        return dict(cursor.fetchall())


def paused_hosts(most: int) -> PausedHosts:
    """The hosts that have been refusing for the longest, at most `most`. One query on a small index."""
    with connection.cursor() as cursor:
        cursor.execute(_PAUSED, [MOST_COUNTED, most])
        rows = cursor.fetchall()
    hosts = [PausedFor(*row) for *row, _ in rows]
    return PausedHosts(hosts, rows[0][-1] - len(hosts) if rows else 0)


def paused_host(name: str) -> PausedFor | None:
    """The host of this name ("photos.example:443"); None where it is not paused. Two queries at most."""
    host = PausedHost.objects.filter(name=name).first()
    if host is None:
        return None
    images = waiting_images([name])[name]
    return PausedFor(host.name, host.code, host.message, host.since, host.until, host.number, images)


def waits(jobs: Iterable[Job]) -> dict[int, Waits]:
    """The hosts that jobs (read `with_running`) wait for, by job id; only of jobs that do wait. One query.

    Jobs that are paused or have ended wait for no host. Takes 30 ms when two hundred thousand images wait.
    """
    active = {job.pk: job for job in jobs if job.state in (JobState.QUEUED, JobState.RUNNING)}
    if not active:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_OF_JOBS, [list(active), MOST_OF_JOB])
        rows = cursor.fetchall()
    listed: dict[int, list[PausedFor]] = {}
    totals: dict[int, tuple[int, int, int]] = {}
    for job_id, images, hosts, probes, *host in rows:
        listed.setdefault(job_id, []).append(PausedFor(*host))
        totals[job_id] = images, hosts, probes
    return {job_id: _waits(active[job_id], listed[job_id], *totals[job_id]) for job_id in listed}


def _waits(job: Job, listed: Sequence[PausedFor], images: int, hosts: int, probes: int) -> Waits:
    is_all = images >= job.pending and job.running <= probes
    return Waits(listed, hosts - len(listed), images, is_all)
