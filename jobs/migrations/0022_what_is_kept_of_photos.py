"""Rows beside images, of what is kept of their photos; new tables."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0021_an_index_for_the_oldest_ready_image'),
    ]

    operations = [
        migrations.CreateModel(
            name='KeptBytes',
            fields=[
                ('worker', models.BigIntegerField(primary_key=True, serialize=False)),
                ('bytes', models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='KeptPhoto',
            fields=[
                ('image', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='kept', serialize=False, to='jobs.imageresult')),
                ('sha256', models.BinaryField(max_length=32)),
                ('thumbnail', models.PositiveIntegerField(default=0)),
                ('original', models.PositiveBigIntegerField(default=0)),
                ('why_not', models.CharField(blank=True, choices=[('full', 'The space for photos (KEEP_BYTES) is used up.'), ('away', 'The storage could not be written to.'), ('not_drawable', 'No thumbnail could be made of it.')], default='', max_length=16)),
                ('kept_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('is_told', models.BooleanField(db_default=False, default=False)),
            ],
            options={
                'indexes': [models.Index(fields=['sha256'], name='kept_photo_by_content'), models.Index(fields=['kept_at'], name='kept_photo_by_age'), models.Index(condition=models.Q(('is_told', False), models.Q(('why_not', ''), _negated=True)), fields=['image'], name='kept_photo_to_tell')],
            },
        ),
        migrations.CreateModel(
            name='UnwantedPhoto',
            fields=[
                ('sha256', models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ('since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'indexes': [models.Index(fields=['since'], name='unwanted_photo_by_age')],
            },
        ),
    ]
