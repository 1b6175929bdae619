"""The statements that work out what is found about some photos, whose images' ids are the parameter `images`.

Each row is looked up by its key, whatever the planner expects. Everything is written in the order of keys, so that two
statements that write would wait for one another in no circle.
"""

from jobs.imaging.likeness import FLAT, MOST_DIFFERENT
from photos import kinds
from stores.distances import sql_km

# Photos that have half of a hash in common, or their file, with one: so many are compared with it, whoever owns them.
MOST_ALIKE = 250
# How far apart the clocks of two time zones may be, in hours.
ZONES_APART = 14

_HALVES = ("row_high", "row_low", "column_high", "column_low")
_FINGERPRINT = ("visit_id", "job_id", "owner_id", "store_id", "day", "sha256", *_HALVES)
_OURS = ", ".join(f"known.{name}" for name in _FINGERPRINT)
_NEW = ", ".join(f"excluded.{name}" for name in _FINGERPRINT)
# The images of jobs that are not deleted, with what they belong to.
_WHOSE = """
    unnest(%(images)s::bigint[]) AS batch (id)
    CROSS JOIN LATERAL (SELECT * FROM jobs_photoevidence WHERE image_id = batch.id OFFSET 0) photo
    CROSS JOIN LATERAL (SELECT visit_id, job_id FROM jobs_imageresult WHERE id = batch.id OFFSET 0) image
    CROSS JOIN LATERAL (SELECT owner_id FROM jobs_job WHERE id = image.job_id AND NOT is_deleted OFFSET 0) job
    CROSS JOIN LATERAL (SELECT store_id, visited_at FROM jobs_visit WHERE id = image.visit_id OFFSET 0) visit
    LEFT JOIN LATERAL (
        SELECT category_id, latitude, longitude, timezone FROM stores_store WHERE store_id = visit.store_id OFFSET 0
    ) store ON true
"""

WRITE_FINGERPRINTS = f"""
    INSERT INTO photos_fingerprint AS known (image_id, {", ".join(_FINGERPRINT)})
    SELECT batch.id, image.visit_id, image.job_id, job.owner_id, visit.store_id,
        (visit.visited_at AT TIME ZONE coalesce(nullif(store.timezone, ''), %(zone)s))::date, photo.sha256,
        (half.rows >> 32)::int, (half.rows << 32 >> 32)::int,
        (half.columns >> 32)::int, (half.columns << 32 >> 32)::int
    FROM {_WHOSE}
    CROSS JOIN LATERAL (
        SELECT CASE WHEN photo.contrast >= {FLAT} THEN photo.row_hash END,
            CASE WHEN photo.contrast >= {FLAT} THEN photo.column_hash END
    ) half (rows, columns)
    ORDER BY batch.id
    ON CONFLICT (image_id) DO UPDATE SET ({", ".join(_FINGERPRINT)}) = ROW ({_NEW})
    WHERE ({_OURS}) IS DISTINCT FROM ({_NEW})
"""  # noqa: S608 - constants

_BY_HALF = " UNION ALL ".join(
    f"(SELECT * FROM photos_fingerprint WHERE {half} = mine.{half} LIMIT {MOST_ALIKE})"  # noqa: S608 - constants
    for half in _HALVES
)
_DISTANCE = " + ".join(f"bit_count((mine.{half} # other.{half})::bit(32))" for half in _HALVES)
# Of each pair the later image is named, and with it the first one that it is equal to.
_EQUAL = f"""
    pair AS (
        SELECT DISTINCT greatest(mine.image_id, other.image_id) AS later, least(mine.image_id, other.image_id) AS first,
            other.distance, mine.store_id <> other.store_id AS is_other_store
        FROM unnest(%(images)s::bigint[]) AS batch (id)
        CROSS JOIN LATERAL (SELECT * FROM photos_fingerprint WHERE image_id = batch.id OFFSET 0) mine
        CROSS JOIN LATERAL (
            SELECT *, 0 AS distance FROM (
                SELECT * FROM photos_fingerprint WHERE sha256 = mine.sha256 LIMIT {MOST_ALIKE}
            ) same
            UNION ALL
            SELECT *, {_DISTANCE} FROM ({_BY_HALF}) other WHERE sha256 <> mine.sha256
                AND {_DISTANCE} <= {MOST_DIFFERENT}
        ) other
        WHERE other.image_id <> mine.image_id AND other.owner_id IS NOT DISTINCT FROM mine.owner_id
            AND (other.store_id <> mine.store_id OR other.day <> mine.day)
    ), equal AS (
        SELECT DISTINCT ON (later, is_other_store) later AS image_id,
            CASE WHEN is_other_store THEN '{kinds.OTHER_STORE}' ELSE '{kinds.OTHER_DAY}' END AS code,
            jsonb_build_object(
                'image', first, 'job', other.job_id, 'visit', other.visit_id, 'store', other.store_id,
                'day', other.day, 'different_bits', distance
            ) AS details,
            first AS other_image_id
        FROM pair
        CROSS JOIN LATERAL (SELECT * FROM photos_fingerprint WHERE image_id = pair.first OFFSET 0) other
        ORDER BY later, is_other_store, first, distance
    )
"""  # noqa: S608 - constants

_SUBJECT = f"""
    subject AS MATERIALIZED (
        SELECT batch.id AS image_id, photo.brightness, photo.sharpness, photo.taken_at,
            coalesce(own.blurred_below, {kinds.BLURRED_BELOW}) AS blurred_below,
            coalesce(own.dark_below, {kinds.DARK_BELOW}) AS dark_below,
            coalesce(own.hours_apart, {kinds.HOURS_APART}) AS hours_apart,
            coalesce(own.metres_apart, {kinds.METRES_APART}) AS metres_apart,
            clock.is_known, extract(epoch FROM clock.taken_at - visit.visited_at) / 3600 AS hours,
            CASE WHEN photo.latitude IS NOT NULL AND store.latitude IS NOT NULL THEN 1000 * {
    sql_km(("photo.latitude", "photo.longitude"), ("store.latitude", "store.longitude"))
} END AS metres
        FROM {_WHOSE}
        LEFT JOIN photos_photothresholds own ON own.category_id = store.category_id
        CROSS JOIN LATERAL (
            SELECT CASE WHEN photo.taken_offset IS NULL AND store.timezone <> ''
                    THEN photo.taken_at AT TIME ZONE 'UTC' AT TIME ZONE store.timezone ELSE photo.taken_at END,
                photo.taken_offset IS NOT NULL OR coalesce(store.timezone, '') <> ''
        ) clock (taken_at, is_known)
    )
"""  # noqa: S608 - constants
_ZONES = f"CASE WHEN is_known THEN 0 ELSE {ZONES_APART} END"
# By threshold, in the order of `photos.preview.CODES`: what can be judged by it, and what is found beyond it.
_BEYOND = {
    "blurred_below": ("sharpness IS NOT NULL", "sharpness < {threshold}"),
    "dark_below": ("brightness IS NOT NULL", "brightness < {threshold}"),
    "hours_apart": ("hours IS NOT NULL", f"abs(hours) > {{threshold}} + {_ZONES}"),
    "metres_apart": ("metres IS NOT NULL", "metres > {threshold}"),
}
_COUNTS = ", ".join(
    f"count(*) FILTER (WHERE {condition.format(threshold=f'%({when}_{name})s')})"
    for name, (can_be, beyond) in _BEYOND.items()
    for when, condition in (("", can_be), ("now", beyond), ("then", beyond))
)
COUNT_BEYOND = f"WITH {_SUBJECT} SELECT {_COUNTS} FROM subject"  # noqa: S608 - constants
_ALONE = f"""
    alone AS (
        SELECT image_id, '{kinds.BLURRED}' AS code, jsonb_build_object(
            'sharpness', round(sharpness::numeric, 2), 'below', blurred_below) AS details
        FROM subject WHERE {_BEYOND["blurred_below"][1].format(threshold="blurred_below")}
        UNION ALL
        SELECT image_id, '{kinds.DARK}', jsonb_build_object(
            'brightness', round(brightness::numeric, 1), 'below', dark_below)
        FROM subject WHERE {_BEYOND["dark_below"][1].format(threshold="dark_below")}
        UNION ALL
        SELECT image_id, '{kinds.OTHER_TIME}', jsonb_build_object(
            'hours', round(hours, 1), 'most', hours_apart, 'time_zone_known', is_known)
        FROM subject WHERE {_BEYOND["hours_apart"][1].format(threshold="hours_apart")}
        UNION ALL
        SELECT image_id, '{kinds.ELSEWHERE}', jsonb_build_object('metres', round(metres::numeric), 'most', metres_apart)
        FROM subject WHERE {_BEYOND["metres_apart"][1].format(threshold="metres_apart")}
    )
"""  # noqa: S608 - constants

_VALUES = ("model", "version", "details", "other_image_id", "day", "visit_id", "job_id", "owner_id", "store_id")
_KEPT = ", ".join(f"kept.{name}" for name in _VALUES)
_FOUND = ", ".join(f"excluded.{name}" for name in _VALUES)
# `read` is what was found about signs, `codes` all that is found here; `model` and `version` are those of the rules.
# Another image's finding only ever moves to an earlier photo: what else it is equal to is not looked up here.
WRITE_FINDINGS = f"""
    WITH {_SUBJECT}, {_ALONE}, {_EQUAL},
    found AS MATERIALIZED (
        SELECT image_id, code, %(model)s::text AS model, %(version)s::text AS version, details,
            NULL::bigint AS other_image_id
        FROM alone
        UNION ALL SELECT image_id, code, %(model)s, %(version)s, details, other_image_id FROM equal
        UNION ALL SELECT image_id, code, model, version, details, NULL FROM jsonb_to_recordset(%(read)s::jsonb)
            AS read (image_id bigint, code text, model text, version text, details jsonb)
    ), gone AS (
        DELETE FROM photos_finding kept WHERE image_id = ANY (%(images)s) AND code = ANY (%(codes)s)
            AND NOT EXISTS (SELECT FROM found WHERE found.image_id = kept.image_id AND found.code = kept.code)
        RETURNING visit_id
    ), written AS (
        INSERT INTO photos_finding AS kept (image_id, code, {", ".join(_VALUES)}, found_at)
        SELECT found.image_id, code, model, version, details, other_image_id, day, visit_id, job_id, owner_id, store_id,
            clock_timestamp()
        FROM found
        CROSS JOIN LATERAL (SELECT * FROM photos_fingerprint WHERE image_id = found.image_id OFFSET 0) image
        ORDER BY found.image_id, code
        ON CONFLICT (image_id, code) DO UPDATE SET ({", ".join(_VALUES)}) = ROW ({_FOUND})
        WHERE ({_KEPT}) IS DISTINCT FROM ({_FOUND})
            AND (kept.image_id = ANY (%(images)s) OR excluded.other_image_id < kept.other_image_id)
        RETURNING visit_id
    )
    SELECT array_agg(DISTINCT visit_id) FROM (SELECT visit_id FROM gone UNION ALL SELECT visit_id FROM written) changed
"""  # noqa: S608 - constants

# Which of the visits `visits` need a look; those that a person has judged stay on record.
WRITE_LOOKS = f"""
    WITH touched AS MATERIALIZED (
        SELECT DISTINCT visit_id FROM (
            SELECT unnest(%(visits)s::bigint[]) AS visit_id
            UNION ALL SELECT visit_id FROM photos_fingerprint WHERE image_id = ANY (%(images)s)
        ) both_of_them
    ), state AS MATERIALIZED (
        SELECT visit_id, array_remove(ARRAY[
            CASE WHEN coalesce(found.copies, 0) > 0 THEN '{kinds.OTHER_STORE}' END,
            CASE WHEN looked.number > 0 AND looked.useless = looked.number THEN '{kinds.ALL_USELESS}' END,
            CASE WHEN found.unseen > 0 AND found.seen = 0 THEN '{kinds.NAME_NOT_SEEN}' END
        ], NULL) AS reasons, coalesce(found.copy, found.unseen_on, looked.first) AS image_id
        FROM touched
        CROSS JOIN LATERAL (
            SELECT count(*) AS number, min(image.id) AS first, count(*) FILTER (WHERE EXISTS (
                SELECT FROM photos_finding
                WHERE image_id = image.id AND code IN ('{kinds.BLURRED}', '{kinds.DARK}')
            )) AS useless
            FROM jobs_imageresult image
            CROSS JOIN LATERAL (
                SELECT brightness FROM jobs_photoevidence WHERE image_id = image.id OFFSET 0
            ) photo
            WHERE image.visit_id = touched.visit_id AND photo.brightness IS NOT NULL
        ) looked
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE code = '{kinds.OTHER_STORE}') AS copies,
                min(image_id) FILTER (WHERE code = '{kinds.OTHER_STORE}') AS copy,
                count(*) FILTER (WHERE code = '{kinds.NAME_NOT_SEEN}') AS unseen,
                min(image_id) FILTER (WHERE code = '{kinds.NAME_NOT_SEEN}') AS unseen_on,
                count(*) FILTER (WHERE code = '{kinds.SHOWS_NAME}') AS seen
            FROM photos_finding WHERE visit_id = touched.visit_id
        ) found
    ), gone AS (
        DELETE FROM photos_visitlook WHERE visit_id IN (SELECT visit_id FROM state WHERE reasons = '{{}}')
    )
    INSERT INTO photos_visitlook AS look (
        visit_id, job_id, owner_id, store_id, reasons, image_id, day, is_judged
    )
    SELECT state.visit_id, job_id, owner_id, store_id, reasons, state.image_id, day,
        EXISTS (SELECT FROM photos_visitverdict WHERE visit_id = state.visit_id)
    FROM state CROSS JOIN LATERAL (
        SELECT job_id, owner_id, store_id, day FROM photos_fingerprint WHERE image_id = state.image_id OFFSET 0
    ) image
    WHERE reasons <> '{{}}' ORDER BY state.visit_id
    ON CONFLICT (visit_id) DO UPDATE SET (reasons, image_id, day) = ROW (
        excluded.reasons, excluded.image_id, excluded.day
    )
    WHERE (look.reasons, look.image_id, look.day)
        IS DISTINCT FROM (excluded.reasons, excluded.image_id, excluded.day)
"""  # noqa: S608 - constants
