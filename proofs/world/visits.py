"""Years of visits by a few statements: stores, summaries of visits, hours of hosts, and the images behind them.

What happens in them is what happens to a service: some stores are visited far more often than others, areas differ in
size, few visits fall on a Sunday or on the night, a few devices report weeks later, one host is away for nine days, one
store in a hundred has bad photos. The same sizes make the same rows, except for the times, which end now.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

type Run = Callable[[str, dict[str, Any]], Any]

AREA, STORE = "AREA-", "L-"
HOST = ".photos.example"
# The host that is away, and how many days ago that began and ended.
AWAY, AWAY_DAYS = "h3" + HOST, (30, 21)
VISITS_OF_JOB = 500
WORDS = (
    "Bakery",
    "Pharmacy",
    "Kiosk",
    "Dairy",
    "Stationery",
    "Hardware",
    "Textiles",
    "Electronics",
    "Grocery",
    "Shoes",
)
TABLES = (
    "stores_category",
    "stores_store",
    "insights_visitsummary",
    "insights_hosthour",
    "jobs_job",
    "jobs_visit",
    "jobs_imageresult",
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """About five images a visit. `owners` are the ids whose jobs they are, in turn; None is nobody."""

    visits: int = 2_000_000
    stores: int = 20_000
    areas: int = 200
    weeks: int = 13
    hosts: int = 40
    owners: Sequence[int | None] = (None,)


_CATEGORIES = """
    INSERT INTO stores_category (name, position)
    SELECT word, place FROM unnest(%(words)s::text[]) WITH ORDINALITY AS each (word, place) ON CONFLICT DO NOTHING
"""
# One of ten is uncategorised, one of twenty without coordinates.
_STORES = """
    INSERT INTO stores_store (store_id, name, area_code, category_id, latitude, longitude, updated_at)
    SELECT %(store)s || n, 'SHOP ' || n || ' ' || upper(word), %(area)s || floor(%(areas)s * random() * random()),
        (SELECT id FROM stores_category WHERE name = word AND n %% 10 > 0),
        CASE WHEN n %% 20 > 0 THEN -30 + random() END, CASE WHEN n %% 20 > 0 THEN -20 + random() END, now()
    FROM (SELECT n, (%(words)s::text[])[1 + n %% %(many)s] AS word FROM generate_series(1, %(stores)s::int) AS n) store
"""
# Drawn one after the other: first what a visit is, then how bad its host and its store are, then what became of it.
# Half of the failures are of whole visits.
_SUMMARIES = """
    INSERT INTO insights_visitsummary (
        visit_id, job_id, owner_id, store_id, visited_at, images, completed, failed, unprocessed, fetched, fetch_ms,
        turnaround, host, code
    )
    SELECT n, 1 + n / %(of_job)s, (%(owners)s::bigint[])[1 + (n / %(of_job)s) %% %(many)s], %(store)s || store,
        visited_at, images, images - failed - unprocessed, failed, unprocessed, images - unprocessed,
        (images - unprocessed) * round(100 + 400 * slow),
        CASE WHEN unprocessed < images THEN 20 + 300 * slow * slow END, host,
        CASE WHEN failed > 0 THEN (ARRAY['http_404', 'read_timeout', 'http_503', 'not_an_image'])[1 + n %% 4]
            ELSE '' END
    FROM (
        SELECT *, CASE WHEN random() < .005 THEN images ELSE 0 END AS unprocessed
        FROM (
            SELECT *, CASE WHEN whole < bad / 2 THEN images
                ELSE least(images, floor(images * bad / 2 + single)) END::int AS drawn
            FROM (
                SELECT *, random() AS whole, random() AS single, random() AS slow, CASE
                    WHEN host = %(away)s AND visited_at BETWEEN now() - make_interval(days => %(from)s)
                        AND now() - make_interval(days => %(to)s) THEN .6
                    WHEN store %% 100 = 7 THEN .25 ELSE .02 END AS bad
                FROM (
                    SELECT n, store, date_trunc('day', day) + make_interval(secs => 3600 * (8 + 12 * (at1 + at2) / 2))
                        - CASE WHEN late < .02 THEN make_interval(days => (1 + late * 1000)::int)
                            WHEN extract(isodow FROM day) = 7 AND late < .9 THEN interval '1 day'
                            ELSE interval '0' END AS visited_at,
                        1 + floor(5 * many1 + 4.5 * many2)::int AS images,
                        'h' || CASE WHEN other < .8 THEN store ELSE floor(other * 1e6)::int END %% %(hosts)s || %(host)s
                            AS host
                    FROM (
                        SELECT n, 1 + floor(%(stores)s * random() ^ 1.7)::int AS store,
                            now() - interval '1 day'
                                - make_interval(secs => %(weeks)s * 604800 * (1 - n::float8 / %(visits)s)) AS day,
                            random() AS at1, random() AS at2, random() AS late, random() AS many1, random() AS many2,
                            random() AS other
                        FROM generate_series(%(first)s::int, %(last)s::int) AS n
                    ) draw
                ) visit
            ) chance
        ) outcome
    ) final CROSS JOIN LATERAL (SELECT CASE WHEN unprocessed > 0 THEN 0 ELSE drawn END AS failed) settled
"""
# As if every image had ended at its visit, and all downloads of a visit had taken the same time.
_HOURS = """
    INSERT INTO insights_hosthour (owner_id, host, hour, codes, "fetch")
    SELECT owner_id, host, hour, jsonb_object_agg(code, n), ARRAY(
        SELECT (sum(tried) * CASE bucket WHEN 21 THEN .25 WHEN 24 THEN .5 WHEN 26 THEN .25 ELSE 0 END)::int
        FROM generate_series(0, 39) AS bucket ORDER BY bucket
    )
    FROM (
        SELECT owner_id, host, date_trunc('hour', visited_at, 'UTC') AS hour, outcome.code, sum(n) AS n, sum(n) AS tried
        FROM insights_visitsummary summary CROSS JOIN LATERAL (
            VALUES ('', completed), (summary.code, failed)
        ) AS outcome (code, n)
        WHERE n > 0 GROUP BY 1, 2, 3, 4
    ) counted
    GROUP BY 1, 2, 3
"""
_MARK = "INSERT INTO insights_refreshed (id, mark) VALUES (1, now()) ON CONFLICT (id) DO UPDATE SET mark = now()"

_JOBS = """
    INSERT INTO jobs_job (
        id, owner_id, status, on_error, priority, total, completed, failed, canceled, store_errors, created_at,
        started_at, finished_at
    )
    SELECT job_id, min(owner_id), CASE WHEN sum(images) > sum(completed) THEN 'failed' ELSE 'completed' END, 'continue',
        0, sum(images), sum(completed), sum(images - completed), 0, CASE WHEN sum(images) > sum(completed)
            THEN '[{"store_id": "L-1", "error": "Some failed."}]' ELSE '[]' END::jsonb,
        max(visited_at), max(visited_at), max(visited_at) + make_interval(secs => coalesce(max(turnaround), 0))
    FROM insights_visitsummary WHERE job_id BETWEEN %(first)s AND %(last)s GROUP BY job_id ORDER BY job_id
"""
_VISITS = """
    INSERT INTO jobs_visit (id, job_id, store_id, visit_time, visited_at)
    SELECT visit_id, job_id, store_id, visited_at::text, visited_at FROM insights_visitsummary
    WHERE job_id BETWEEN %(first)s AND %(last)s ORDER BY visit_id
"""
_IMAGES = """
    INSERT INTO jobs_imageresult (
        job_id, visit_id, url, state, rank, held, claim_no, attempts, crashes, generation, format, width, height,
        perimeter, bytes, fetch_ms, measure_ms, gpu_ms, finished_at, error_code, error_message
    )
    SELECT job_id, visit_id, 'https://' || host || '/' || visit_id || '/' || n || '.jpg',
        CASE WHEN good THEN 'completed' ELSE 'failed' END, extract(epoch FROM created_at) + n, false, tries, tries,
        0, 0, CASE WHEN good THEN 'JPEG' ELSE '' END, CASE WHEN good THEN 640 END, CASE WHEN good THEN 480 END,
        CASE WHEN good THEN 2240 END, CASE WHEN tries > 0 THEN 400000 END,
        CASE WHEN tries > 0 THEN fetch_ms / fetched END, CASE WHEN tries > 0 THEN 3 END, CASE WHEN good THEN 250 END,
        created_at + make_interval(secs => coalesce(turnaround, 0) * n / images),
        CASE WHEN good THEN '' WHEN tries > 0 THEN code ELSE 'unknown_store' END,
        CASE WHEN good THEN '' ELSE 'It failed.' END
    FROM insights_visitsummary CROSS JOIN LATERAL (
        SELECT created_at FROM jobs_job WHERE id = job_id OFFSET 0
    ) job CROSS JOIN LATERAL (
        SELECT n, n <= completed AS good, CASE WHEN n <= completed + failed THEN 1 ELSE 0 END AS tries
        FROM generate_series(1, images) AS n
    ) image
    WHERE job_id BETWEEN %(first)s AND %(last)s ORDER BY job_id, visit_id, n
"""
_ATTEMPTS = """
    INSERT INTO jobs_failedattempt (
        image_id, claim_no, code, message, redirects, address_class, content_type, bytes, elapsed_ms, worker_id
    )
    SELECT id, 1, error_code, error_message, '[]', '', '', 0, fetch_ms, 1 FROM jobs_imageresult
    WHERE job_id BETWEEN %(first)s AND %(last)s AND state = 'failed' AND attempts = 1
"""
_SEQUENCES = """
    SELECT setval(pg_get_serial_sequence(name, 'id'), greatest(last, 1))
    FROM (VALUES ('jobs_job', (SELECT max(id) FROM jobs_job)), ('jobs_visit', (SELECT max(id) FROM jobs_visit)))
        AS each (name, last)
"""
# How many visits one statement writes; and of how many jobs the images are written by one.
VISITS_AT_A_TIME, JOBS_AT_A_TIME = 500_000, 400


def fill(run: Run, sizes: Sizes | None = None, *, analyze: bool = True) -> None:
    """Fill a database that has no visits. `run` executes a statement and returns its rows.

    2,000,000 visits take about a minute and 500 MB. `as_of` is now; there are no jobs and images, see `fill_images`.
    """
    sizes = sizes or Sizes()
    run("SELECT setseed(.5)", {})
    # Drawn in the order of their numbers.
    run("SET max_parallel_workers_per_gather = 0", {})
    words = {"words": list(WORDS), "many": len(WORDS)}
    run(_CATEGORIES, words)
    run(_STORES, {**words, "store": STORE, "area": AREA, "areas": sizes.areas, "stores": sizes.stores})
    numbers = {
        "of_job": VISITS_OF_JOB,
        "owners": list(sizes.owners),
        "many": len(sizes.owners),
        "store": STORE,
        "stores": sizes.stores,
        "visits": sizes.visits,
        "weeks": sizes.weeks,
        "hosts": sizes.hosts,
        "host": HOST,
        "away": AWAY,
        "from": AWAY_DAYS[0],
        "to": AWAY_DAYS[1],
    }
    for first in range(1, sizes.visits + 1, VISITS_AT_A_TIME):
        last = min(first + VISITS_AT_A_TIME - 1, sizes.visits)
        run(_SUMMARIES, {**numbers, "first": first, "last": last})
    run(_HOURS, {})
    run(_MARK, {})
    run("RESET max_parallel_workers_per_gather", {})
    if analyze:
        run("ANALYZE stores_category, stores_store, insights_visitsummary, insights_hosthour", {})


def fill_images(run: Run, *, analyze: bool = True) -> None:
    """Write the jobs, visits and images that the summaries of `fill` were made of, into a database without any.

    The role is a superuser. 10,000,000 images take some ten minutes and 7 GB.
    """
    # What is written here refers to what is there; looking that up would be most of the work.
    run("SET session_replication_role = replica", {})
    (((jobs,),)) = run("SELECT coalesce(max(job_id), 0) FROM insights_visitsummary", {})
    for first in range(1, jobs + 1, JOBS_AT_A_TIME):
        for statement in (_JOBS, _VISITS, _IMAGES, _ATTEMPTS):
            run(statement, {"first": first, "last": first + JOBS_AT_A_TIME - 1})
    run(_SEQUENCES, {})
    run("RESET session_replication_role", {})
    if analyze:
        run("ANALYZE jobs_job, jobs_visit, jobs_imageresult", {})
