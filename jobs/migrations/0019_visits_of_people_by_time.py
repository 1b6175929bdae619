"""Made while the service runs, so outside a transaction; at first it holds no row."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('jobs', '0018_who_made_a_visit'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='visit',
            index=models.Index(condition=models.Q(('visited_by', ''), _negated=True), fields=['visited_at'], name='visit_of_person'),
        ),
    ]
