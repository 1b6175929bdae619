"""Paused photo hosts, and the images that wait for them.

Of the images that wait in the lanes of `queue/lanes.py` only those count here whose host is paused: the others merely
wait for room at a busy host, which is ordinary pending work.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.db import connection

from jobs.models import Job
from jobs.states import JobState

# Beyond this, the images that wait for one host are only "more than".
MOST_COUNTED = 10_000
# So many of a job's hosts are named, those with the most images.
MOST_OF_JOB = 20

# They say what the partial indexes image_deferred and image_deferred_of_job hold, word for word.
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
# Where no host is paused, no image is looked at.
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
    """The host as people know it: without the port that https has anyway."""
    return host.removesuffix(":443")


def reason(code: str) -> str:
    """Why a host was paused, as half a sentence about it."""
    if found := _HTTP_CODE.fullmatch(code):
        return f"it answered {found[1]}"
    return _REASONS.get(code, f"its last request failed as {code}")


@dataclass(frozen=True, slots=True)
class PausedFor:
    """A paused host ("photos.example:443"), why and until when, and how many `images` wait for it.

    `code` and `message` are those of its last refusal; `since` is when it first refused, `number` how many pauses it
    has had since. `until` is past while somebody tries it again, and where no engine is running.
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
    """Those that have been in trouble for the longest; `more` are not among them.

    Of each the images are counted up to MOST_COUNTED.
    """

    hosts: Sequence[PausedFor]
    more: int


@dataclass(frozen=True, slots=True)
class Waits:
    """The paused hosts that a job waits for, at most MOST_OF_JOB of them, and `more` beside; `images` wait for all.

    `is_all`: nothing else of the job is to be done before one of them answers. That one image of each host is in hand
    to try it changes nothing.
    """

    hosts: Sequence[PausedFor] = ()
    more: int = 0
    images: int = 0
    is_all: bool = False

    @property
    def revision(self) -> str:
        """Another text whenever anything that is said of these has changed; empty where there are none."""
        return sha256(repr(self).encode()).hexdigest()[:8] if self.hosts else ""


NONE = Waits()


def waiting_images(hosts: Iterable[str]) -> dict[str, int]:
    """How many images wait for each of these hosts, counted up to MOST_COUNTED. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_LANES, [MOST_COUNTED, list(hosts)])
        return dict(cursor.fetchall())


def paused_hosts(most: int) -> PausedHosts:
    """One query, on a small index, whatever waits."""
    with connection.cursor() as cursor:
        cursor.execute(_PAUSED, [MOST_COUNTED, most])
        rows = cursor.fetchall()
    hosts = [PausedFor(*row) for *row, _ in rows]
    return PausedHosts(hosts, rows[0][-1] - len(hosts) if rows else 0)


def waits(jobs: Iterable[Job]) -> dict[int, Waits]:
    """By id, for those of the jobs (read `with_running`) of which images wait for a paused host. One query.

    Nothing is held against a paused job or one that has ended. Takes 30 ms where two hundred thousand images wait.
    """
    going = {job.pk: job for job in jobs if job.state in (JobState.QUEUED, JobState.RUNNING)}
    if not going:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_OF_JOBS, [list(going), MOST_OF_JOB])
        rows = cursor.fetchall()
    told: dict[int, list[PausedFor]] = {}
    totals: dict[int, tuple[int, int, int]] = {}
    for job_id, images, hosts, probes, *host in rows:
        told.setdefault(job_id, []).append(PausedFor(*host))
        totals[job_id] = images, hosts, probes
    return {job_id: _waits(going[job_id], told[job_id], *totals[job_id]) for job_id in told}


def _waits(job: Job, told: Sequence[PausedFor], images: int, hosts: int, probes: int) -> Waits:
    is_all = images >= job.pending and job.running <= probes
    return Waits(told, hosts - len(told), images, is_all)
