"""Deleted jobs, and the totals of their images."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0013_one_index_for_the_images_of_a_visit'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='DayTotal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('owner', models.BigIntegerField(blank=True, null=True)),
                ('area', models.CharField(blank=True, max_length=64)),
                ('store', models.CharField(max_length=64)),
                ('host', models.CharField(blank=True, max_length=255)),
                ('code', models.CharField(blank=True, max_length=32)),
                ('images', models.BigIntegerField()),
                ('attempts', models.BigIntegerField()),
                ('bytes', models.BigIntegerField()),
                ('fetch_ms', models.BigIntegerField()),
                ('measure_ms', models.BigIntegerField()),
                ('gpu_ms', models.BigIntegerField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('day', 'owner', 'area', 'store', 'host', 'code'), name='day_total_once_per_group', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='DeletedJob',
            fields=[
                ('job_id', models.BigIntegerField(primary_key=True, serialize=False, verbose_name='job')),
                ('owner_name', models.CharField(blank=True, default='', max_length=150, verbose_name='owner')),
                ('total', models.PositiveIntegerField(verbose_name='images')),
                ('completed', models.PositiveIntegerField()),
                ('failed', models.PositiveIntegerField()),
                ('submitted_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField()),
                ('cause', models.CharField(choices=[('request', 'on request'), ('command', 'manage.py prune'), ('retention', 'RETENTION_DAYS')], max_length=16)),
                ('user_name', models.CharField(blank=True, default='', max_length=150, verbose_name='deleted by')),
                ('deleted_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('last_image', models.BigIntegerField(db_default=0, default=0, editable=False)),
                ('gone_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['deleted_at'], name='deleted_job_at')],
            },
        ),
        migrations.AddField(
            model_name='job',
            name='is_deleted',
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
    ]
