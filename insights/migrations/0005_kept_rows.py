"""What long statements found as of one mark, and the mark that is shown meanwhile."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('insights', '0004_forecasts'),
    ]

    operations = [
        migrations.AddField(
            model_name='refreshed',
            name='shown',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name='KeptRows',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64)),
                ('mark', models.DateTimeField()),
                ('statement', models.TextField()),
                ('parameters', models.TextField()),
                ('rows', models.TextField()),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('wanted_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('digest', 'mark'), name='kept_rows_once')],
            },
        ),
    ]
