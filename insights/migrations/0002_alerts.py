"""Alerts, and when each rule was tried."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('insights', '0001_visit_summaries'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='RuleCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('of_all', models.BooleanField()),
                ('owner_id', models.BigIntegerField(blank=True, null=True)),
                ('rule', models.CharField(max_length=32)),
                ('checked_at', models.DateTimeField()),
                ('found', models.PositiveIntegerField()),
                ('backtest', models.JSONField(blank=True, null=True)),
                ('tested_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('of_all', 'owner_id', 'rule'), name='rule_check_once', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('of_all', models.BooleanField()),
                ('owner_id', models.BigIntegerField(blank=True, null=True)),
                ('rule', models.CharField(max_length=32)),
                ('kind', models.CharField(choices=[('area', 'Area'), ('host', 'Host'), ('store', 'Store'), ('visited_by', 'Person'), ('service', 'Service')], max_length=16)),
                ('subject', models.CharField(blank=True, max_length=255)),
                ('direction', models.SmallIntegerField(default=0)),
                ('since', models.DateField()),
                ('until', models.DateField()),
                ('expected', models.FloatField(blank=True, null=True)),
                ('seen', models.FloatField()),
                ('says', models.CharField(max_length=400)),
                ('first_seen', models.DateTimeField()),
                ('last_seen', models.DateTimeField()),
                ('state', models.CharField(choices=[('open', 'Open'), ('dismissed', 'Dismissed'), ('over', 'Over')], default='open', max_length=16)),
                ('dismissed_at', models.DateTimeField(blank=True, null=True)),
                ('dismissed_by_name', models.CharField(blank=True, default='', max_length=150)),
                ('reason', models.CharField(blank=True, default='', max_length=500)),
                ('history', models.JSONField(blank=True, default=list)),
                ('dismissed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['of_all', 'owner_id', 'state', 'id'], name='alert_of_state'), models.Index(fields=['of_all', 'owner_id', 'id'], name='alert_newest'), models.Index(fields=['last_seen'], name='alert_last_seen')],
                'constraints': [models.UniqueConstraint(fields=('of_all', 'owner_id', 'rule', 'kind', 'subject', 'direction', 'since'), name='alert_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(models.Q(('state', 'dismissed'), _negated=True), models.Q(('dismissed_at__isnull', False), models.Q(('reason', ''), _negated=True)), _connector='OR'), name='alert_dismissed_with_reason')],
            },
        ),
    ]
