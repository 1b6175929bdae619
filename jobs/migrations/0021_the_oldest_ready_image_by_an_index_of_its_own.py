"""No claim may use the index that tells how long images have been ready. Made while the service runs."""

import datetime

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('jobs', '0020_what_a_rule_asks_of_an_image'),
    ]

    operations = [
        RemoveIndexConcurrently(
            model_name='imageresult',
            name='image_ready_since',
        ),
        AddIndexConcurrently(
            model_name='imageresult',
            index=models.Index(condition=models.Q(('held', False), ('ready_since__gte', datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('run_after', None), ('state', 'pending'), ('waits_for', '')), fields=['ready_since'], name='image_ready_since'),
        ),
    ]
