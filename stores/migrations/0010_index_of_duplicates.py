"""Made while the service runs, so outside a transaction."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('stores', '0009_rules_of_categories_and_weights_of_areas'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='store',
            index=models.Index(fields=['area_code', 'words', 'id'], name='store_duplicates'),
        ),
    ]
