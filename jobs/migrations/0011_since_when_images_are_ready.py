"""For images that are there already: since this migration. No row is rewritten."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0010_idempotency_keys_by_age'),
    ]

    operations = [
        migrations.AddField(
            model_name='imageresult',
            name='ready_since',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
        ),
    ]
