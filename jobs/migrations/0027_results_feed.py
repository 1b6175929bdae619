"""Which images have become final together, for readers of the results feed.

What ended before is not in it: `manage.py fill_results_feed` files that, a slice of jobs at a time.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0026_indexes_of_references'),
    ]

    operations = [
        migrations.CreateModel(
            name='ResultsFeed',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('last_position', models.BigIntegerField(default=0)),
                ('began_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), null=True)),
            ],
        ),
        migrations.CreateModel(
            name='FinishedBatch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('owner', models.BigIntegerField()),
                ('size', models.PositiveSmallIntegerField()),
                ('images', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField())),
                ('generations', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField())),
                ('position', models.BigIntegerField(null=True)),
                ('job', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='jobs.job')),
            ],
            options={
                'verbose_name_plural': 'finished batches',
                'indexes': [models.Index(fields=['job'], name='finished_batch_of_job'), models.Index(fields=['position', 'id'], name='finished_batch_position'), models.Index(fields=['owner', 'position', 'id'], name='finished_batch_of_owner')],
            },
        ),
        # To compress them would take ten times as long as to write them.
        migrations.RunSQL(
            """
            ALTER TABLE jobs_finishedbatch ALTER COLUMN images SET STORAGE EXTERNAL,
                ALTER COLUMN generations SET STORAGE EXTERNAL
            """,
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL("INSERT INTO jobs_resultsfeed (id, last_position) VALUES (1, 0)", migrations.RunSQL.noop),
    ]
