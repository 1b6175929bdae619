"""Columns without a default or a check: no row is rewritten or read."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0019_visits_of_people_by_time'),
    ]

    operations = [
        migrations.AddField(
            model_name='imageresult',
            name='category_priority',
            field=models.SmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='imageresult',
            name='min_height',
            field=models.IntegerField(blank=True, null=True, verbose_name='smallest height'),
        ),
        migrations.AddField(
            model_name='imageresult',
            name='min_width',
            field=models.IntegerField(blank=True, null=True, verbose_name='smallest width'),
        ),
    ]
