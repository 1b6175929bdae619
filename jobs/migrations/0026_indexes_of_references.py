"""Made while the service runs, so outside a transaction; at first they hold no row."""

import django.contrib.postgres.indexes
import django.db.models.functions.text
import django.db.models.lookups
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('jobs', '0025_references_of_clients'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='job',
            index=django.contrib.postgres.indexes.GinIndex(condition=models.Q(('metadata', models.Value({}, models.JSONField())), _negated=True), fields=['metadata'], gin_pending_list_limit=256, name='job_metadata', opclasses=['jsonb_path_ops']),
        ),
        AddIndexConcurrently(
            model_name='visit',
            index=models.Index(condition=models.Q(django.db.models.lookups.GreaterThan(django.db.models.functions.text.Length('visited_by'), 0)), fields=['visited_by', 'id'], name='visit_by_person'),
        ),
        AddIndexConcurrently(
            model_name='visit',
            index=django.contrib.postgres.indexes.GinIndex(condition=models.Q(('metadata', models.Value({}, models.JSONField())), _negated=True), fields=['metadata'], gin_pending_list_limit=256, name='visit_metadata', opclasses=['jsonb_path_ops']),
        ),
        # A constraint with a condition is an index, and Django has no operation that makes a unique one concurrently.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    """CREATE UNIQUE INDEX CONCURRENTLY image_reference_once_per_owner
                    ON jobs_imagedetails (client_reference, owner_id) NULLS NOT DISTINCT WHERE NOT (client_reference = '')""",
                    "DROP INDEX CONCURRENTLY IF EXISTS image_reference_once_per_owner",
                ),
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name='imagedetails',
                    constraint=models.UniqueConstraint(condition=models.Q(('client_reference', ''), _negated=True), fields=('client_reference', 'owner'), name='image_reference_once_per_owner', nulls_distinct=False),
                ),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    """CREATE UNIQUE INDEX CONCURRENTLY job_reference_once_per_owner
                    ON jobs_job (client_reference, owner_id) NULLS NOT DISTINCT
                    WHERE NOT (client_reference = '') AND NOT is_deleted""",
                    "DROP INDEX CONCURRENTLY IF EXISTS job_reference_once_per_owner",
                ),
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name='job',
                    constraint=models.UniqueConstraint(condition=models.Q(models.Q(('client_reference', ''), _negated=True), ('is_deleted', False)), fields=('client_reference', 'owner'), name='job_reference_once_per_owner', nulls_distinct=False),
                ),
            ],
        ),
    ]
