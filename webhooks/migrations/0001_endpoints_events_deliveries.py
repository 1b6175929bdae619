"""Endpoints, events, their deliveries and the log of attempts."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('delivered', 'Delivered'), ('failed', 'Failed')], default='pending', max_length=16)),
                ('attempts', models.PositiveIntegerField(db_default=0, default=0)),
                ('due_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('sender_id', models.BigIntegerField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'verbose_name_plural': 'deliveries',
            },
        ),
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('url', models.CharField(max_length=2048)),
                ('sent_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('timestamp', models.BigIntegerField()),
                ('milliseconds', models.PositiveIntegerField()),
                ('status', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('error_code', models.CharField(blank=True, default='', max_length=32)),
                ('error_message', models.CharField(blank=True, default='', max_length=500)),
                ('answer', models.CharField(blank=True, default='', max_length=1000)),
                ('delivery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='log', to='webhooks.delivery')),
            ],
        ),
        migrations.CreateModel(
            name='Endpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('job_id', models.BigIntegerField(blank=True, null=True)),
                ('of_all', models.BooleanField(db_default=False, default=False)),
                ('told_of', models.GeneratedField(db_persist=True, expression=models.Case(models.When(job_id__isnull=False, then=django.db.models.functions.text.Concat(models.Value('job:'), 'job_id', output_field=models.TextField())), models.When(of_all=True, then=models.Value('all')), models.When(owner__isnull=False, then=django.db.models.functions.text.Concat(models.Value('owner:'), 'owner_id', output_field=models.TextField())), default=models.Value('owner:'), output_field=models.TextField()), output_field=models.TextField())),
                ('name', models.CharField(blank=True, db_default='', default='', max_length=100)),
                ('url', models.CharField(max_length=2048)),
                ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('job.started', "A job's first outcome has come in."), ('job.progress', "25, 50 or 75 % of a job's images are final."), ('job.ended', 'All images of a job are final.'), ('image.failed', 'Images have failed for good, several in one event.'), ('stores.imported', 'An import has changed the store master.'), ('alert.opened', 'A rule has raised an alert.'), ('webhook.test', 'Sent on request, to see whether the endpoint answers.')], max_length=32))),
                ('secret', models.CharField(max_length=100)),
                ('old_secret', models.CharField(blank=True, db_default='', default='', max_length=100)),
                ('old_secret_until', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('asks_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('disabled_for', models.CharField(blank=True, choices=[('gone', 'It answered 410 Gone.'), ('failing', 'It has failed for days.'), ('person', 'A person has switched it off.'), ('deleted', 'It is deleted.')], db_default='', default='', max_length=16)),
                ('disabled_at', models.DateTimeField(blank=True, null=True)),
                ('failures', models.PositiveIntegerField(db_default=0, default=0)),
                ('failing_since', models.DateTimeField(blank=True, null=True)),
                ('succeeded_at', models.DateTimeField(blank=True, null=True)),
                ('rests_until', models.DateTimeField(blank=True, null=True)),
                ('last_ms', models.PositiveIntegerField(blank=True, null=True)),
                ('owner', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddField(
            model_name='delivery',
            name='endpoint',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='deliveries', to='webhooks.endpoint'),
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uid', models.CharField(max_length=40, unique=True)),
                ('type', models.CharField(choices=[('job.started', "A job's first outcome has come in."), ('job.progress', "25, 50 or 75 % of a job's images are final."), ('job.ended', 'All images of a job are final.'), ('image.failed', 'Images have failed for good, several in one event.'), ('stores.imported', 'An import has changed the store master.'), ('alert.opened', 'A rule has raised an alert.'), ('webhook.test', 'Sent on request, to see whether the endpoint answers.')], max_length=32)),
                ('owner_id', models.BigIntegerField(blank=True, null=True)),
                ('job_id', models.BigIntegerField(blank=True, null=True)),
                ('of_all', models.BooleanField(db_default=False, default=False)),
                ('body', models.TextField()),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'indexes': [models.Index(fields=['created_at'], name='event_created_at'), models.Index(condition=models.Q(('job_id__isnull', False)), fields=['job_id'], name='event_of_job')],
            },
        ),
        migrations.AddField(
            model_name='delivery',
            name='event',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='webhooks.event'),
        ),
        migrations.AddIndex(
            model_name='endpoint',
            index=models.Index(condition=models.Q(('job_id__isnull', False)), fields=['job_id'], name='endpoint_of_job'),
        ),
        migrations.AddIndex(
            model_name='endpoint',
            index=models.Index(condition=models.Q(('job_id__isnull', True)), fields=['owner', 'id'], name='endpoint_of_owner'),
        ),
        migrations.AddIndex(
            model_name='endpoint',
            index=models.Index(condition=models.Q(('job_id__isnull', False)), fields=['owner', 'id'], name='callback_of_owner'),
        ),
        migrations.AddIndex(
            model_name='endpoint',
            index=models.Index(condition=models.Q(('disabled_for__in', ['', 'failing'])), fields=['told_of'], name='endpoint_told'),
        ),
        migrations.AddIndex(
            model_name='endpoint',
            index=models.Index(condition=models.Q(('disabled_for', 'deleted')), fields=['id'], name='endpoint_deleted'),
        ),
        migrations.AddIndex(
            model_name='endpoint',
            index=models.Index(condition=models.Q(('job_id__isnull', False)), fields=['created_at'], name='endpoint_of_job_age'),
        ),
        migrations.AddConstraint(
            model_name='endpoint',
            constraint=models.CheckConstraint(condition=models.Q(('of_all', False), ('owner__isnull', False), _connector='OR'), name='endpoint_of_all_has_owner'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state', 'pending')), fields=['endpoint', 'due_at'], name='delivery_due'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['endpoint', 'id'], name='delivery_of_endpoint'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('state', 'failed')), fields=['endpoint', 'ended_at'], name='delivery_failed'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(fields=('event', 'endpoint'), name='delivery_once'),
        ),
    ]
