"""Questions about visits that people keep."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import insights.models.report
import stores.models.store
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('insights', '0002_alerts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Report',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, validators=[stores.models.store.all_visible])),
                ('area', models.CharField(blank=True, max_length=64, null=True)),
                ('category', models.CharField(blank=True, max_length=64, null=True)),
                ('group', models.BigIntegerField(blank=True, null=True)),
                ('store', models.CharField(blank=True, max_length=64, null=True)),
                ('period', models.CharField(choices=[('weeks', 'The last weeks, today included'), ('month', 'The last full month'), ('fixed', 'From one day to another')], default='weeks', max_length=8)),
                ('weeks', models.PositiveSmallIntegerField(default=13)),
                ('since', models.DateField(blank=True, null=True)),
                ('until', models.DateField(blank=True, null=True)),
                ('dimension', models.CharField(choices=[('area', 'Area'), ('category', 'Category'), ('group', 'Group'), ('store', 'Store'), ('week', 'Week'), ('host', 'Photo host')], default='area', max_length=8)),
                ('columns', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('visits', 'Visits'), ('images', 'Images'), ('completed', 'Completed'), ('failed', 'Failed'), ('unprocessed', 'Not tried'), ('failure_rate', 'Failure rate'), ('fetch_ms', 'Download, mean'), ('turnaround', 'Turnaround, mean')], max_length=16), default=insights.models.report.default_columns)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('updated_at', models.DateTimeField(auto_now=True, db_default=django.db.models.functions.datetime.Now())),
                ('owner', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('owner', 'name'), name='report_name_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(models.Q(('period', 'fixed'), _negated=True), models.Q(('since__isnull', False), ('until__gte', models.F('since'))), _connector='OR'), name='report_period_whole')],
            },
        ),
    ]
