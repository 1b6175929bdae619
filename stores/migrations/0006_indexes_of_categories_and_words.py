"""Made while the service runs, so outside a transaction."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('stores', '0005_what_kind_of_store'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='store',
            index=models.Index(fields=['category', 'area_code'], name='store_category'),
        ),
        AddIndexConcurrently(
            model_name='store',
            index=django.contrib.postgres.indexes.GinIndex(fields=['words'], name='store_words'),
        ),
        AddConstraintNotValid(
            model_name='store',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('latitude', None), ('longitude', None)), models.Q(('latitude__gte', -90), ('latitude__lte', 90), ('longitude__gte', -180), ('longitude__lte', 180)), _connector='OR'), name='store_coordinates_whole'),
        ),
    ]
