"""The clients' own ids of jobs, visits and images, and what they say of jobs and images besides."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0024_evidence_of_photos'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ImageDetails',
            fields=[
                ('client_reference', models.CharField(blank=True, default='', max_length=128)),
                ('image', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='details', serialize=False, to='jobs.imageresult')),
                ('metadata', models.JSONField(blank=True, null=True)),
                ('owner', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'image details',
            },
        ),
        migrations.CreateModel(
            name='VisitReference',
            fields=[
                ('client_reference', models.CharField(blank=True, default='', max_length=128)),
                ('visit', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='reference', serialize=False, to='jobs.visit')),
                ('owner', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('client_reference', 'owner'), name='visit_reference_once_per_owner', nulls_distinct=False)],
            },
        ),
        migrations.AddField(
            model_name='job',
            name='client_reference',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=128),
        ),
        migrations.AddField(
            model_name='job',
            name='metadata',
            field=models.JSONField(blank=True, db_default=models.Value({}, models.JSONField()), default=dict, editable=False),
        ),
    ]
