"""What an audit checks of the findings."""

from jobs.reporting.audit_checks import Check
from photos import kinds
from photos.findings import OVERLAP_SECONDS

# The lowest of all thresholds: below it, a photo is found whatever category its store had.
_LOWEST = "(SELECT least({default}, min({name})) FROM photos_photothresholds)"
_DARK = _LOWEST.format(default=kinds.DARK_BELOW, name="dark_below")
_BLURRED = _LOWEST.format(default=kinds.BLURRED_BELOW, name="blurred_below")

# Of images whose evidence the mark has passed, and that are not being worked out again. What is found by comparing
# photos is not compared anew; that each can be compared is.
FINDINGS = Check(
    "findings",
    "Evidence up to the mark has its fingerprint and its findings",
    f"""
        SELECT photo.image_id, format('image %s has evidence, and %s', photo.image_id, CASE
            WHEN known.image_id IS NULL THEN 'no fingerprint'
            WHEN known.sha256 <> photo.sha256 THEN 'the fingerprint of another photo'
            ELSE 'not the findings that follow from it' END)
        FROM jobs_imageresult image
        JOIN jobs_job job ON job.id = image.job_id AND NOT job.is_deleted
        JOIN jobs_photoevidence photo ON photo.image_id = image.id
        CROSS JOIN photos_progress progress
        LEFT JOIN photos_fingerprint known ON known.image_id = photo.image_id
        LEFT JOIN photos_finding dark ON dark.image_id = photo.image_id AND dark.code = '{kinds.DARK}'
        LEFT JOIN photos_finding blurred ON blurred.image_id = photo.image_id AND blurred.code = '{kinds.BLURRED}'
        WHERE photo.recorded_at < progress.mark - make_interval(secs => {OVERLAP_SECONDS:g})
            AND (progress.redo_behind IS NULL OR image.id <= progress.redo_behind OR image.id > progress.redo_until)
            AND (known.image_id IS NULL OR known.sha256 <> photo.sha256
                OR (dark.id IS NULL AND photo.brightness < {_DARK})
                OR (blurred.id IS NULL AND photo.sharpness < {_BLURRED})
                OR photo.brightness >= (dark.details ->> 'below')::float8
                OR photo.sharpness >= (blurred.details ->> 'below')::float8)
    """,  # noqa: S608 - constants
)
