"""What visits sum to by day, and of which days that holds."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('insights', '0004_forecasts'),
    ]

    operations = [
        migrations.CreateModel(
            name='KeptDay',
            fields=[
                ('day', models.DateField(primary_key=True, serialize=False)),
                ('zone', models.CharField(max_length=64)),
                ('stores', models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='DaySum',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('owner_id', models.BigIntegerField(blank=True, null=True)),
                ('kind', models.CharField(choices=[('area', 'Area'), ('category', 'Category'), ('host', 'Host'), ('hour', 'Hour')], max_length=8)),
                ('label', models.CharField(blank=True, max_length=255, null=True)),
                ('visits', models.BigIntegerField()),
                ('images', models.BigIntegerField()),
                ('completed', models.BigIntegerField()),
                ('failed', models.BigIntegerField()),
                ('unprocessed', models.BigIntegerField()),
                ('fetched', models.BigIntegerField()),
                ('fetch_ms', models.BigIntegerField()),
                ('tried_visits', models.BigIntegerField()),
                ('fetched_visits', models.BigIntegerField()),
                ('timed_visits', models.BigIntegerField()),
                ('turnaround_us', models.BigIntegerField()),
                ('codes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32))),
                ('code_failed', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField())),
                ('buckets', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField())),
                ('bucket_visits', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField())),
            ],
            options={
                'indexes': [models.Index(fields=['kind', 'day'], name='day_sum_kind_day')],
            },
        ),
    ]
