"""Sums of each visit, and of each host and hour."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='HostHour',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('owner_id', models.BigIntegerField(blank=True, null=True)),
                ('host', models.CharField(blank=True, max_length=255)),
                ('hour', models.DateTimeField()),
                ('codes', models.JSONField()),
                ('fetch', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveIntegerField(), size=40)),
            ],
            options={
                'indexes': [models.Index(fields=['hour'], name='host_hour_hour')],
                'constraints': [models.UniqueConstraint(fields=('host', 'hour', 'owner_id'), name='host_hour_once', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='Refreshed',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('mark', models.DateTimeField()),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='refreshed_is_one_row')],
            },
        ),
        migrations.CreateModel(
            name='VisitSummary',
            fields=[
                ('visit_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('job_id', models.BigIntegerField()),
                ('owner_id', models.BigIntegerField(blank=True, null=True)),
                ('store_id', models.CharField(max_length=64)),
                ('visited_at', models.DateTimeField(blank=True, null=True)),
                ('images', models.PositiveIntegerField()),
                ('completed', models.PositiveIntegerField()),
                ('failed', models.PositiveIntegerField()),
                ('unprocessed', models.PositiveIntegerField()),
                ('fetched', models.PositiveIntegerField()),
                ('fetch_ms', models.BigIntegerField()),
                ('turnaround', models.FloatField(blank=True, null=True)),
                ('host', models.CharField(blank=True, max_length=255)),
                ('code', models.CharField(blank=True, max_length=32)),
            ],
            options={
                'indexes': [models.Index(fields=['store_id', 'visited_at'], name='summary_store_time'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['visited_at'], name='summary_time', opclasses=['timestamptz_minmax_multi_ops'], pages_per_range=32), models.Index(condition=models.Q(('owner_id__isnull', False)), fields=['owner_id', 'visited_at'], name='summary_owner_time')],
            },
        ),
    ]
