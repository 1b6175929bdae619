"""Made while the service runs, so outside a transaction."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('jobs', '0011_since_when_images_are_ready'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='imageresult',
            index=models.Index(fields=['visit', 'id'], name='image_of_visit'),
        ),
        AddIndexConcurrently(
            model_name='imageresult',
            index=models.Index(condition=models.Q(('held', False), ('run_after', None), ('state', 'pending'), ('waits_for', '')), fields=['ready_since'], name='image_ready_since'),
        ),
        AddIndexConcurrently(
            model_name='job',
            index=models.Index(condition=models.Q(('status', 'ongoing'), _negated=True), fields=['id'], name='job_ended'),
        ),
        AddIndexConcurrently(
            model_name='job',
            index=models.Index(condition=models.Q(('started_at__isnull', False), ('status', 'ongoing')), fields=['id'], name='job_started'),
        ),
        AddIndexConcurrently(
            model_name='job',
            index=models.Index(condition=models.Q(('status', 'ongoing'), models.Q(('paused_at__isnull', False), ('canceled_at__isnull', False), _connector='OR')), fields=['id'], name='job_stopped'),
        ),
        AddIndexConcurrently(
            model_name='visit',
            index=models.Index(fields=['store_id', 'job'], name='visit_of_store'),
        ),
    ]
