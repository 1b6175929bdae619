"""A job remembers the request that submitted it, whose id stands in every line of the log that concerns it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0015_indexes_of_jobs_to_delete'),
    ]

    operations = [
        migrations.AddField(
            model_name='job',
            name='request_id',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=128),
        ),
    ]
