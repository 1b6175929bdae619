"""Made while the service runs, so outside a transaction."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('jobs', '0014_what_outlives_a_job'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='job',
            index=models.Index(condition=models.Q(('finished_at__isnull', False), ('is_deleted', False)), fields=['finished_at'], name='job_finished'),
        ),
        AddIndexConcurrently(
            model_name='job',
            index=models.Index(condition=models.Q(('is_deleted', True)), fields=['id'], name='job_deleted'),
        ),
    ]
