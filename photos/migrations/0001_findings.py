"""What is found about photos, and what finds it."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('stores', '0011_names_of_groups_can_be_seen'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Finding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('visit_id', models.BigIntegerField()),
                ('job_id', models.BigIntegerField()),
                ('owner_id', models.BigIntegerField(blank=True, null=True)),
                ('store_id', models.CharField(max_length=64)),
                ('image_id', models.BigIntegerField()),
                ('code', models.CharField(max_length=32)),
                ('model', models.CharField(max_length=64)),
                ('version', models.CharField(max_length=64)),
                ('details', models.JSONField(default=dict)),
                ('other_image_id', models.BigIntegerField(blank=True, null=True)),
                ('day', models.DateField(blank=True, null=True)),
                ('found_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['code', 'id'], name='finding_of_code'), models.Index(fields=['owner_id', 'code', 'id'], name='finding_of_owner'), models.Index(fields=['job_id', 'code', 'image_id'], name='finding_of_job'), models.Index(fields=['code', 'day'], name='finding_of_code_by_day'), models.Index(fields=['code', 'visit_id'], name='finding_visits_of_code'), models.Index(fields=['visit_id', 'code'], name='finding_of_visit'), models.Index(fields=['store_id', 'id'], name='finding_of_store')],
                'constraints': [models.UniqueConstraint(fields=('image_id', 'code'), name='finding_once')],
            },
        ),
        migrations.CreateModel(
            name='Fingerprint',
            fields=[
                ('visit_id', models.BigIntegerField()),
                ('job_id', models.BigIntegerField()),
                ('owner_id', models.BigIntegerField(blank=True, null=True)),
                ('store_id', models.CharField(max_length=64)),
                ('image_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('day', models.DateField(blank=True, null=True)),
                ('sha256', models.BinaryField(max_length=32)),
                ('row_high', models.IntegerField(blank=True, null=True)),
                ('row_low', models.IntegerField(blank=True, null=True)),
                ('column_high', models.IntegerField(blank=True, null=True)),
                ('column_low', models.IntegerField(blank=True, null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['sha256'], name='fingerprint_sha256'), models.Index(fields=['owner_id', 'image_id'], name='fingerprint_of_owner'), models.Index(condition=models.Q(('row_high__isnull', False)), fields=['row_high'], name='fingerprint_row_high'), models.Index(condition=models.Q(('row_low__isnull', False)), fields=['row_low'], name='fingerprint_row_low'), models.Index(condition=models.Q(('column_high__isnull', False)), fields=['column_high'], name='fingerprint_column_high'), models.Index(condition=models.Q(('column_low__isnull', False)), fields=['column_low'], name='fingerprint_column_low')],
            },
        ),
        migrations.CreateModel(
            name='Progress',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('mark', models.DateTimeField()),
                ('mark_image', models.BigIntegerField(default=0)),
                ('redo_behind', models.BigIntegerField(blank=True, null=True)),
                ('redo_until', models.BigIntegerField(blank=True, null=True)),
            ],
            options={
                'verbose_name_plural': 'progress',
                'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='progress_is_one_row')],
            },
        ),
        migrations.CreateModel(
            name='VisitLook',
            fields=[
                ('job_id', models.BigIntegerField()),
                ('owner_id', models.BigIntegerField(blank=True, null=True)),
                ('store_id', models.CharField(max_length=64)),
                ('visit_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('reasons', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32))),
                ('image_id', models.BigIntegerField()),
                ('day', models.DateField(blank=True, null=True)),
                ('is_judged', models.BooleanField(default=False)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('is_judged', False)), fields=['visit_id'], name='look_open'), models.Index(fields=['owner_id', 'visit_id'], name='look_of_owner')],
            },
        ),
        migrations.CreateModel(
            name='PhotoThresholds',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('blurred_below', models.FloatField(default=3.0, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100)])),
                ('dark_below', models.FloatField(default=50.0, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(255)])),
                ('hours_apart', models.FloatField(default=24.0, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(8760)])),
                ('metres_apart', models.FloatField(default=500.0, validators=[django.core.validators.MinValueValidator(50), django.core.validators.MaxValueValidator(1000000)])),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('category', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='photo_thresholds', to='stores.category')),
            ],
            options={
                'verbose_name_plural': 'photo thresholds',
                'ordering': ['category'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('blurred_below__gte', 0), ('blurred_below__lte', 100)), models.Q(('dark_below__gte', 0), ('dark_below__lte', 255)), models.Q(('hours_apart__gte', 1), ('hours_apart__lte', 8760)), models.Q(('metres_apart__gte', 50), ('metres_apart__lte', 1000000))), name='photo_thresholds_within_limits')],
            },
        ),
        migrations.CreateModel(
            name='VisitVerdict',
            fields=[
                ('job_id', models.BigIntegerField()),
                ('owner_id', models.BigIntegerField(blank=True, null=True)),
                ('store_id', models.CharField(max_length=64)),
                ('visit_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('is_fine', models.BooleanField()),
                ('codes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32))),
                ('decided_at', models.DateTimeField()),
                ('decided_by_name', models.CharField(blank=True, default='', max_length=150)),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['owner_id'], name='verdict_of_owner')],
            },
        ),
    ]
