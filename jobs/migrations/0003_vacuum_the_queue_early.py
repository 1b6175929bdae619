"""A queue's table changes every row several times; the default thresholds, a fifth of the table, come too late."""

from django.db import migrations

EARLY = """
ALTER TABLE jobs_imageresult SET (
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 1000
);
"""
DEFAULT = """
ALTER TABLE jobs_imageresult RESET (
    autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,
    autovacuum_analyze_scale_factor, autovacuum_analyze_threshold
);
"""


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_final_rows_stay_final")]
    operations = [migrations.RunSQL(EARLY, DEFAULT)]
