"""What was forecast of jobs that have ended, and how far off forecasts were."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('insights', '0003_saved_reports'),
    ]

    operations = [
        migrations.CreateModel(
            name='Forecast',
            fields=[
                ('job_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('images', models.PositiveIntegerField()),
                ('ended_at', models.DateTimeField()),
                ('forecast', django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(null=True), size=4)),
                ('rest', django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(null=True), size=4)),
            ],
            options={
                'indexes': [models.Index(fields=['ended_at'], name='forecast_ended')],
            },
        ),
        migrations.CreateModel(
            name='ForecastRange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stage', models.PositiveSmallIntegerField()),
                ('size', models.SmallIntegerField()),
                ('jobs', models.PositiveIntegerField()),
                ('low', models.FloatField(null=True)),
                ('high', models.FloatField(null=True)),
                ('judged', models.PositiveIntegerField()),
                ('covered', models.PositiveIntegerField()),
            ],
            options={
                'ordering': ['stage', 'size'],
                'constraints': [models.UniqueConstraint(fields=('stage', 'size'), name='forecast_range_once')],
            },
        ),
    ]
