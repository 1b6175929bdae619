"""A visit remembers who made it, where the client says so."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0017_retries_by_time'),
    ]

    operations = [
        migrations.AddField(
            model_name='visit',
            name='visited_by',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
    ]
