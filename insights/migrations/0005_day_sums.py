"""What visits sum to by day, and the rates of stores beside their hosts."""

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
        migrations.CreateModel(
            name='KeptRate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('window_id', models.BigIntegerField()),
                ('store_id', models.TextField()),
                ('images', models.FloatField()),
                ('failed', models.FloatField()),
                ('worth', models.FloatField()),
                ('worth_failed', models.FloatField()),
                ('others', models.FloatField()),
                ('usual', models.FloatField()),
                ('usual_variance', models.FloatField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('window_id', 'store_id'), name='kept_rate_once')],
            },
        ),
        migrations.CreateModel(
            name='RateWindow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('of_all', models.BooleanField()),
                ('owner_id', models.BigIntegerField(blank=True, null=True)),
                ('since', models.DateField()),
                ('until', models.DateField()),
                ('zone', models.CharField(max_length=64)),
                ('as_of', models.DateTimeField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('of_all', 'owner_id', 'since', 'until'), name='rate_window_once', nulls_distinct=False)],
            },
        ),
    ]
