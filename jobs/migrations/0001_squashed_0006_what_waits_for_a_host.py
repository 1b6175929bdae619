"""All tables of the queue as one step, for a new database.

One that has begun with the migrations replaced goes on with those it lacks, and counts this one as applied in the end.
"""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

# The database itself keeps final image results final, whoever writes to it. The one door is a person's retry:
# failed -> pending with the next generation.
GUARD = """
CREATE FUNCTION jobs_imageresult_stays_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'failed' AND NEW.state = 'pending' AND NEW.generation = OLD.generation + 1 THEN
        RETURN NEW;
    END IF;
    IF (NEW.state, NEW.generation, NEW.width, NEW.height, NEW.perimeter, NEW.format, NEW.bytes, NEW.gpu_result,
        NEW.error_code, NEW.error_message, NEW.finished_at)
       IS DISTINCT FROM
       (OLD.state, OLD.generation, OLD.width, OLD.height, OLD.perimeter, OLD.format, OLD.bytes, OLD.gpu_result,
        OLD.error_code, OLD.error_message, OLD.finished_at)
    THEN
        RAISE EXCEPTION 'image % is final (%): only a retry may reopen it, and only after a failure', OLD.id, OLD.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER jobs_imageresult_stays_final BEFORE UPDATE ON jobs_imageresult
    FOR EACH ROW WHEN (OLD.state IN ('completed', 'failed')) EXECUTE FUNCTION jobs_imageresult_stays_final();
"""
NO_GUARD = """
DROP TRIGGER jobs_imageresult_stays_final ON jobs_imageresult;
DROP FUNCTION jobs_imageresult_stays_final();
"""
# A queue's table changes every row several times; the default thresholds, a fifth of the table, come too late.
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

    initial = True

    replaces = [
        ("jobs", "0001_jobs_visits_images_workers"),
        ("jobs", "0002_final_rows_stay_final"),
        ("jobs", "0003_vacuum_the_queue_early"),
        ("jobs", "0004_keep_owners_of_jobs"),
        ("jobs", "0005_what_people_do_to_jobs"),
        ("jobs", "0006_what_waits_for_a_host"),
    ]

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PausedHost',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(db_collation='C', max_length=262, unique=True)),
                ('code', models.CharField(max_length=32)),
                ('message', models.CharField(max_length=500)),
                ('since', models.DateTimeField()),
                ('until', models.DateTimeField()),
                ('number', models.PositiveIntegerField(default=1)),
                ('probed_by', models.BigIntegerField(blank=True, null=True)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='Worker',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', models.CharField(max_length=255)),
                ('pid', models.PositiveIntegerField()),
                ('seats', models.PositiveSmallIntegerField()),
                ('started_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('beat_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('ongoing', 'Ongoing'), ('completed', 'Completed'), ('failed', 'Failed')], default='ongoing', max_length=16)),
                ('on_error', models.CharField(choices=[('continue', 'Continue'), ('stop_store', 'Stop Store')], default='continue', max_length=16)),
                ('priority', models.SmallIntegerField(default=0)),
                ('total', models.PositiveIntegerField()),
                ('completed', models.PositiveIntegerField(default=0)),
                ('failed', models.PositiveIntegerField(default=0)),
                ('canceled', models.PositiveIntegerField(default=0)),
                ('store_errors', models.JSONField(blank=True, default=list)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('started_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('paused_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('canceled_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('finished_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='IdempotencyKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=255)),
                ('body_sha256', models.CharField(max_length=64)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='jobs.job')),
            ],
        ),
        migrations.CreateModel(
            name='JobAction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verb', models.CharField(choices=[('cancel', 'Cancel'), ('pause', 'Pause'), ('resume', 'Resume'), ('prioritize', 'Prioritize'), ('retry', 'Retry')], max_length=16)),
                ('user_name', models.CharField(blank=True, default='', max_length=150)),
                ('images', models.PositiveIntegerField(default=0)),
                ('parameters', models.JSONField(blank=True, default=dict)),
                ('done_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='actions', to='jobs.job')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Visit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('store_id', models.CharField(max_length=64)),
                ('visit_time', models.CharField(max_length=200)),
                ('visited_at', models.DateTimeField(blank=True, null=True)),
                ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='visits', to='jobs.job')),
            ],
        ),
        migrations.CreateModel(
            name='ImageResult',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('url', models.CharField(max_length=2048)),
                ('host', models.GeneratedField(db_persist=True, expression=django.db.models.functions.text.Left(django.db.models.functions.text.Lower(django.db.models.functions.comparison.Coalesce(models.Func(models.F('url'), models.Value('^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#\\\\]*@)?(\\[[^]/?#]*\\]|[^/?#:\\\\]*)'), function='substring'), models.Value(''))), 255), output_field=models.CharField(max_length=255))),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('running', 'Running'), ('completed', 'Completed'), ('failed', 'Failed')], default='pending', max_length=16)),
                ('rank', models.FloatField()),
                ('run_after', models.DateTimeField(blank=True, null=True)),
                ('held', models.BooleanField(default=False)),
                ('waits_for', models.CharField(blank=True, db_collation='C', db_default='', default='', max_length=262)),
                ('waits_since', models.DateTimeField(blank=True, null=True)),
                ('claimed_by', models.BigIntegerField(blank=True, null=True)),
                ('claimed_at', models.DateTimeField(blank=True, null=True)),
                ('claim_no', models.PositiveIntegerField(default=0)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('crashes', models.PositiveIntegerField(default=0)),
                ('generation', models.PositiveIntegerField(default=0)),
                ('width', models.PositiveBigIntegerField(blank=True, null=True)),
                ('height', models.PositiveBigIntegerField(blank=True, null=True)),
                ('perimeter', models.PositiveBigIntegerField(blank=True, null=True)),
                ('format', models.CharField(blank=True, default='', max_length=16)),
                ('bytes', models.PositiveBigIntegerField(blank=True, null=True)),
                ('gpu_result', models.JSONField(blank=True, null=True)),
                ('error_code', models.CharField(blank=True, default='', max_length=32)),
                ('error_message', models.CharField(blank=True, default='', max_length=500)),
                ('fetch_ms', models.PositiveIntegerField(blank=True, null=True)),
                ('measure_ms', models.PositiveIntegerField(blank=True, null=True)),
                ('gpu_ms', models.PositiveIntegerField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='images', to='jobs.job')),
                ('visit', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='images', to='jobs.visit')),
            ],
        ),
        migrations.CreateModel(
            name='FailedAttempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('claim_no', models.PositiveIntegerField()),
                ('code', models.CharField(max_length=32)),
                ('message', models.CharField(max_length=500)),
                ('http_status', models.PositiveSmallIntegerField(null=True)),
                ('redirects', models.JSONField(default=list)),
                ('address_class', models.CharField(blank=True, default='', max_length=32)),
                ('content_type', models.CharField(blank=True, default='', max_length=100)),
                ('bytes', models.PositiveBigIntegerField()),
                ('counted', models.BooleanField(db_default=True, default=True)),
                ('elapsed_ms', models.PositiveIntegerField()),
                ('worker_id', models.BigIntegerField()),
                ('failed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('image', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='failed_attempts', to='jobs.imageresult')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('image', 'claim_no'), name='failed_attempt_once_per_claim')],
            },
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(fields=['created_at'], name='job_created_at'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('status', 'ongoing')), fields=['id'], name='job_ongoing'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('completed__lte', django.db.models.expressions.CombinedExpression(models.F('total'), '-', models.F('failed')))), name='job_counts_within_total'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('canceled__lte', models.F('failed'))), name='job_canceled_within_failed'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('total__gte', 1)), name='job_has_images'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('completed__lt', django.db.models.expressions.CombinedExpression(models.F('total'), '-', models.F('failed'))), ('finished_at', None), ('status', 'ongoing')), models.Q(('completed', models.F('total')), ('failed', 0), ('finished_at__isnull', False), ('status', 'completed')), models.Q(('completed', django.db.models.expressions.CombinedExpression(models.F('total'), '-', models.F('failed'))), ('failed__gte', 1), ('finished_at__isnull', False), ('status', 'failed')), _connector='OR'), name='job_status_follows_counts'),
        ),
        migrations.AddConstraint(
            model_name='idempotencykey',
            constraint=models.UniqueConstraint(fields=('owner', 'key'), name='idempotency_key_once_per_owner', nulls_distinct=False),
        ),
        migrations.AddIndex(
            model_name='visit',
            index=models.Index(fields=['store_id', 'visited_at'], name='visit_store_time'),
        ),
        migrations.AddIndex(
            model_name='visit',
            index=models.Index(fields=['visited_at'], name='visit_time'),
        ),
        migrations.AddIndex(
            model_name='imageresult',
            index=models.Index(fields=['job', 'id'], name='image_of_job'),
        ),
        migrations.AddIndex(
            model_name='imageresult',
            index=models.Index(condition=models.Q(('held', False), ('run_after', None), ('state', 'pending'), ('waits_for', '')), fields=['rank', 'id'], name='image_ready'),
        ),
        migrations.AddIndex(
            model_name='imageresult',
            index=models.Index(condition=models.Q(('held', False), ('state', 'pending'), models.Q(('waits_for', ''), _negated=True)), fields=['waits_for', 'rank', 'id'], name='image_deferred'),
        ),
        migrations.AddIndex(
            model_name='imageresult',
            index=models.Index(condition=models.Q(('held', False), ('state', 'pending'), models.Q(('waits_for', ''), _negated=True)), fields=['waits_for', 'job', 'rank'], name='image_deferred_by_job'),
        ),
        migrations.AddIndex(
            model_name='imageresult',
            index=models.Index(condition=models.Q(('held', False), ('state', 'pending'), models.Q(('waits_for', ''), _negated=True)), fields=['job', 'waits_for'], name='image_deferred_of_job'),
        ),
        migrations.AddIndex(
            model_name='imageresult',
            index=models.Index(condition=models.Q(('run_after__isnull', False), ('state', 'pending')), fields=['run_after'], name='image_waiting'),
        ),
        migrations.AddIndex(
            model_name='imageresult',
            index=models.Index(condition=models.Q(('state', 'running')), fields=['claimed_by', 'id'], name='image_running'),
        ),
        migrations.AddIndex(
            model_name='imageresult',
            index=models.Index(condition=models.Q(('state', 'running')), fields=['job'], name='image_running_of_job'),
        ),
        migrations.AddIndex(
            model_name='imageresult',
            index=models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['finished_at'], include=('state', 'error_code'), name='image_finished'),
        ),
        migrations.AddIndex(
            model_name='imageresult',
            index=models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['job', 'finished_at'], include=('state', 'error_code'), name='image_finished_of_job'),
        ),
        migrations.AddIndex(
            model_name='imageresult',
            index=models.Index(condition=models.Q(('state', 'failed')), fields=['job', 'error_code'], name='image_failed_of_job'),
        ),
        migrations.AddConstraint(
            model_name='imageresult',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('error_code', ''), ('finished_at__isnull', False), ('height__gte', 1), ('perimeter', django.db.models.expressions.CombinedExpression(models.Value(2), '*', django.db.models.expressions.CombinedExpression(models.F('height'), '+', models.F('width')))), ('state', 'completed'), ('width__gte', 1)), models.Q(('finished_at__isnull', False), ('perimeter', None), ('state', 'failed'), models.Q(('error_code', ''), _negated=True)), models.Q(('error_code', ''), ('finished_at', None), ('perimeter', None), ('state__in', ['pending', 'running'])), _connector='OR'), name='image_outcome_follows_state'),
        ),
        migrations.AddConstraint(
            model_name='imageresult',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'running'), _negated=True), models.Q(('claimed_at__isnull', False), ('claimed_by__isnull', False), ('held', False), ('run_after', None)), _connector='OR'), name='image_running_is_claimed'),
        ),
        migrations.AddConstraint(
            model_name='imageresult',
            constraint=models.CheckConstraint(condition=models.Q(('waits_for', ''), models.Q(('run_after', None), ('state', 'pending')), _connector='OR'), name='image_only_ready_ones_wait_for_a_host'),
        ),
        migrations.RunSQL(GUARD, NO_GUARD),
        migrations.RunSQL(EARLY, DEFAULT),
    ]
