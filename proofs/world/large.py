"""A large database by a few statements: what pages and lists are read from, with statistics that know none of it.

`fill` first writes a small service's rows and has PostgreSQL count them: these are the statistics that the planner
goes by. Then come the rows that they do not know, and the tables are never counted again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TABLES = (
    "stores_store",
    "jobs_job",
    "jobs_visit",
    "jobs_imageresult",
    "insights_visitsummary",
    "insights_hosthour",
    "insights_forecast",
    "jobs_photoevidence",
    "photos_fingerprint",
    "photos_finding",
    "photos_visitlook",
    "jobs_finishedbatch",
)

# The store that everybody visits, and the area of all known ones that jobs are about.
BUSY_STORE, AREA = "K-0", "AREA-1"
# An area of few stores, whose visits' jobs are deleted, with one of the stores.
SMALL_AREA, SMALL_STORE, SMALL_STORES = "AREA-2", "L-7", 900
MESSAGE = "The server answered 404 instead of 200."
UNKNOWN = "This store is not in the store master."

type Run = Callable[[str, dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Sizes:
    """`failed_stores` of one job that has ended, and as many of one that is running, half of them known; `visits` of
    the busy store; `images` of one visit; `queued` jobs of one image each; `history` images of jobs that completed."""

    failed_stores: int
    visits: int
    images: int
    queued: int
    history: int


@dataclass(frozen=True, slots=True)
class Large:
    """The ids of the rows worth asking for."""

    failed_job: int
    running_job: int
    visits_job: int
    images_job: int
    history_job: int


_STORES = """
    INSERT INTO stores_store (store_id, name, area_code, updated_at)
    SELECT 'K-' || n, 'Shop ' || n, %(area)s, now() FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""
_JOB = """
    INSERT INTO jobs_job (
        status, on_error, priority, total, completed, failed, canceled, store_errors, started_at, finished_at
    ) VALUES (
        %(status)s, 'continue', 0, %(total)s, %(completed)s, %(failed)s, 0, '[]', now(),
        CASE WHEN %(status)s <> 'ongoing' THEN now() END
    ) RETURNING id
"""
_QUEUED = """
    INSERT INTO jobs_job (status, on_error, priority, total, completed, failed, canceled, store_errors)
    SELECT 'ongoing', 'continue', 0, 1, 0, 0, 0, '[]' FROM generate_series(1, %(number)s) RETURNING id
"""
# Of every store one visit, or all of one store.
_VISITS = """
    INSERT INTO jobs_visit (job_id, store_id, visit_time, visited_at)
    SELECT %(job)s, %(prefix)s || CASE WHEN %(same)s THEN 0 ELSE n END, '2026-11-27', '2026-11-27'
    FROM generate_series(1, %(number)s) AS n
"""
_VISITS_OF_QUEUED = """
    INSERT INTO jobs_visit (job_id, store_id, visit_time)
    SELECT id, 'K-1', 'today' FROM jobs_job WHERE started_at IS NULL AND id > %(after)s
"""
# `each` images of every visit of the jobs from `first` to `last`.
_IMAGES = """
    INSERT INTO jobs_imageresult (
        job_id, visit_id, url, state, rank, held, claim_no, attempts, crashes, generation, format,
        width, height, perimeter, bytes, fetch_ms, measure_ms, gpu_ms, finished_at, error_code, error_message
    )
    SELECT job_id, visit.id, 'https://photos' || visit.id %% 4000 || '.example/' || visit.id || '/' || n || '.jpg',
        %(state)s, extract(epoch FROM now()) + n, false, 1, 1, 0, 0, '',
        CASE WHEN %(state)s = 'completed' THEN 640 END, CASE WHEN %(state)s = 'completed' THEN 480 END,
        CASE WHEN %(state)s = 'completed' THEN 2240 END, 1000, 20, 3, 250,
        CASE WHEN %(state)s IN ('completed', 'failed') THEN now() - interval '1 hour' * random() END, %(code)s, %(text)s
    FROM jobs_visit visit, generate_series(1, %(each)s) AS n
    WHERE job_id BETWEEN %(first)s AND %(last)s AND store_id LIKE %(like)s
    ORDER BY visit.id, n
"""
# Of the ended job, and of its first image: one for each failed store.
_HISTORY = """
    INSERT INTO jobs_jobaction (job_id, verb, user_name, images, parameters)
    SELECT %(job)s, 'retry', 'somebody', n, '{"code": "http_404"}' FROM generate_series(1, %(number)s) AS n
"""
_ATTEMPTS = """
    INSERT INTO jobs_failedattempt (
        image_id, claim_no, code, message, redirects, address_class, content_type, bytes, elapsed_ms, worker_id
    )
    SELECT (SELECT min(id) FROM jobs_imageresult WHERE job_id = %(job)s), n, 'http_404', %(text)s,
        jsonb_build_array('https://photos.example/' || md5(n::text)), '', 'text/html', 900, 20, 1
    FROM generate_series(1, %(number)s) AS n
"""
_STORE_ERRORS = """
    UPDATE jobs_job SET store_errors = (
        SELECT jsonb_agg(jsonb_build_object('store_id', store_id, 'error', %(text)s || ' Nothing was fetched of its 1 '
            'image, the first at https://photos.example/' || id || '/' || md5(id::text) || '.jpg') ORDER BY id)
        FROM jobs_visit WHERE job_id = %(job)s
    ) WHERE id = %(job)s
"""
# Of the last twelve weeks, as if each visit had eight images, of which three failed at every fifth.
_SUMMARIES = """
    INSERT INTO insights_visitsummary (
        visit_id, job_id, store_id, visited_at, images, completed, failed, unprocessed, fetched, fetch_ms, turnaround,
        host, code
    )
    SELECT id, job_id, store_id, now() - interval '1 hour' * mod(abs(id), 2000), 8, 8 - failed, failed, 0, 8, 160,
        1 + mod(abs(id), 50), 'photos' || mod(abs(id), 4000) || '.example:443',
        CASE WHEN failed > 0 THEN 'http_404' ELSE '' END
    FROM ({visits}) visit, LATERAL (SELECT CASE WHEN mod(id, 5) = 0 THEN 3 ELSE 0 END AS failed) outcome
"""
_NEW_VISITS = """
    SELECT id, job_id, store_id FROM jobs_visit
    WHERE id > coalesce((SELECT max(visit_id) FROM insights_visitsummary), 0)
"""
_SMALL_AREA = """
    INSERT INTO stores_store (store_id, name, area_code, updated_at)
    SELECT 'L-' || n, 'Bakery ' || n, %(area)s, now() FROM generate_series(1, %(stores)s::int) AS n
"""
_VISITS_OF_SMALL_AREA = """
    SELECT -n AS id, 0 AS job_id, 'L-' || 1 + mod(n, %(stores)s::int) AS store_id
    FROM generate_series(1, 5 * %(stores)s::int) AS n
"""
_HOURS = """
    INSERT INTO insights_hosthour (host, hour, codes, "fetch")
    SELECT host, date_trunc('hour', visited_at, 'UTC'),
        jsonb_build_object('', sum(completed), 'http_404', sum(failed)), array_fill(1, ARRAY[40])
    FROM insights_visitsummary GROUP BY 1, 2
"""
_FORECASTS = """
    INSERT INTO insights_forecast (job_id, images, ended_at, forecast, rest)
    SELECT id, 1, now() - interval '1 minute' * id, '{10,10,10,10}', '{20,20,20,20}' FROM jobs_job
"""
# Of every completed image: each photo is blurred, and one in fifty dark.
_PHOTOS = (
    """
    INSERT INTO jobs_photoevidence (image_id, sha256, camera, row_hash, column_hash, brightness, contrast, sharpness)
    SELECT id, sha256(id::text::bytea), '', id, id, 40, 50, 1 FROM jobs_imageresult WHERE state = 'completed'
    """,
    """
    INSERT INTO photos_fingerprint (
        image_id, visit_id, job_id, store_id, day, sha256, row_high, row_low, column_high, column_low
    )
    SELECT photo.image_id, visit.id, visit.job_id, visit.store_id, current_date, photo.sha256, 0, photo.image_id, 0, 0
    FROM jobs_photoevidence photo JOIN jobs_imageresult image ON image.id = photo.image_id
    JOIN jobs_visit visit ON visit.id = image.visit_id
    """,
    """
    INSERT INTO photos_finding (
        image_id, visit_id, job_id, store_id, day, code, model, version, details, found_at
    )
    SELECT image_id, visit_id, job_id, store_id, day, code, 'rules', '1', '{"below": 3}', now()
    FROM photos_fingerprint, unnest(ARRAY['blurred', CASE WHEN mod(image_id, 50) = 0 THEN 'dark' END]) AS code
    WHERE code IS NOT NULL
    """,
    """
    INSERT INTO photos_visitlook (visit_id, job_id, store_id, day, reasons, image_id, is_judged)
    SELECT visit_id, min(job_id), min(store_id), min(day), ARRAY[
        'all_blurred_or_dark', CASE WHEN mod(visit_id, 50) = 0 THEN 'same_photo_other_store' END
    ], min(image_id), mod(visit_id, 3) = 0 FROM photos_fingerprint GROUP BY visit_id
    """,
)
# What has ended, in batches of at most 30 images.
_BATCHES = """
    INSERT INTO jobs_finishedbatch (job_id, owner, size, images, generations)
    SELECT job_id, 0, count(*), array_agg(id ORDER BY id), array_agg(generation ORDER BY id)
    FROM jobs_imageresult WHERE state IN ('completed', 'failed') GROUP BY job_id, id / 30 ORDER BY job_id, id / 30
"""
_MARK = "INSERT INTO insights_refreshed (id, mark) VALUES (1, now()) ON CONFLICT (id) DO UPDATE SET mark = now()"


def fill(run: Run, sizes: Sizes, *, analyze: bool = True) -> Large:
    """Fill a database that holds no jobs. `run` executes a statement and returns its rows.

    Without `analyze` the tables have never been counted at all.
    """
    for table in TABLES:
        run(f"ALTER TABLE {table} SET (autovacuum_enabled = false)", {})
    # What is written here refers to what is there; looking that up would be most of the work.
    run("SET session_replication_role = replica", {})
    _stores(run, 0, 99)
    for _ in range(20):
        _job(run, "completed", visits=10, prefix="K-", images=2, state="completed")
    _summaries(run, _NEW_VISITS)
    run(_HOURS, {})
    if analyze:
        run(f"ANALYZE {', '.join(TABLES)}", {})
    _stores(run, 100, sizes.failed_stores // 2)
    run(_SMALL_AREA, {"area": SMALL_AREA, "stores": SMALL_STORES})
    history_job = _job(run, "completed", visits=max(1, sizes.history // 10), prefix="K-", images=10, state="completed")
    visits_job = _job(run, "completed", visits=sizes.visits, prefix="K-", images=1, state="completed", same=True)
    images_job = _job(run, "completed", visits=1, prefix="K-", images=sizes.images, state="completed", same=True)
    failed_job = _job(run, "failed", visits=sizes.failed_stores, prefix="U-", images=1, state="failed")
    run(_STORE_ERRORS, {"job": failed_job, "text": UNKNOWN})
    run(_HISTORY, {"job": failed_job, "number": sizes.failed_stores})
    run(_ATTEMPTS, {"job": failed_job, "number": sizes.failed_stores, "text": MESSAGE})
    running_job = _job(run, "ongoing", visits=sizes.failed_stores, prefix="K-", images=1, state="failed", more=1)
    first, *_, last = sorted(each for (each,) in run(_QUEUED, {"number": sizes.queued}))
    run(_VISITS_OF_QUEUED, {"after": running_job})
    _summaries(run, _NEW_VISITS)
    _summaries(run, _VISITS_OF_SMALL_AREA, stores=SMALL_STORES)
    run("TRUNCATE insights_hosthour", {})
    for statement in (_HOURS, _FORECASTS, _MARK, _BATCHES):
        run(statement, {})
    _images(run, first, last, "pending", 1, "%")
    for statement in _PHOTOS:
        run(statement, {})
    run("RESET session_replication_role", {})
    return Large(failed_job, running_job, visits_job, images_job, history_job)


def _stores(run: Run, first: int, last: int) -> None:
    run(_STORES, {"area": AREA, "first": first, "last": last})


def _summaries(run: Run, visits: str, **parameters: int) -> None:
    run(_SUMMARIES.format(visits=visits), parameters)


def _job(
    run: Run, status: str, *, visits: int, prefix: str, images: int, state: str, same: bool = False, more: int = 0
) -> int:
    """A job of `visits` with `images` each in `state`, and `more` pending ones of its last visit."""
    done = visits * images
    counts = {"completed": done if state == "completed" else 0, "failed": done if state == "failed" else 0}
    ((job,),) = run(_JOB, {"status": status, "total": done + more, **counts})
    run(_VISITS, {"job": job, "prefix": prefix, "number": visits, "same": same})
    _images(run, job, job, state, images, f"{prefix}%")
    if more:
        _images(run, job, job, "pending", more, f"{prefix}{visits}")
    return int(job)


def _images(run: Run, first: int, last: int, state: str, each: int, like: str) -> None:
    code = "unknown_store" if state == "failed" else ""
    text = UNKNOWN if state == "failed" else ""
    run(_IMAGES, {"first": first, "last": last, "state": state, "each": each, "like": like, "code": code, "text": text})
