"""The index of visit and id serves whatever that of the visit alone did."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0012_indexes_for_pages_and_lists'),
    ]

    operations = [
        migrations.AlterField(
            model_name='imageresult',
            name='visit',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='images', to='jobs.visit'),
        ),
    ]
