"""Each worker says of its model whether it is away, and how busy it is: a column that may be null, in a small table."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0022_what_is_kept_of_photos'),
    ]

    operations = [
        migrations.AddField(
            model_name='worker',
            name='model',
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
    ]
