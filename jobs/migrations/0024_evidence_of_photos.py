"""What photos say about themselves, in a table of its own, and what a client says of a visit besides."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0023_what_workers_say_of_their_models'),
    ]

    operations = [
        migrations.AddField(
            model_name='visit',
            name='metadata',
            field=models.JSONField(blank=True, db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.CreateModel(
            name='PhotoEvidence',
            fields=[
                ('image', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='photo_evidence', serialize=False, to='jobs.imageresult')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('sha256', models.BinaryField(max_length=32)),
                ('taken_at', models.DateTimeField(blank=True, null=True)),
                ('taken_offset', models.SmallIntegerField(blank=True, null=True)),
                ('camera', models.CharField(blank=True, default='', max_length=100)),
                ('latitude', models.FloatField(blank=True, null=True)),
                ('longitude', models.FloatField(blank=True, null=True)),
                ('row_hash', models.BigIntegerField(blank=True, null=True)),
                ('column_hash', models.BigIntegerField(blank=True, null=True)),
                ('brightness', models.FloatField(blank=True, null=True)),
                ('contrast', models.FloatField(blank=True, null=True)),
                ('sharpness', models.FloatField(blank=True, null=True)),
            ],
            options={
                'verbose_name_plural': 'photo evidence',
                'indexes': [models.Index(fields=['recorded_at', 'image'], name='photo_evidence_recorded')],
            },
        ),
    ]
