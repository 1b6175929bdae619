"""Says nothing to the database: what forms and `full_clean` check of a group."""

from django.db import migrations, models

import stores.models.store


class Migration(migrations.Migration):

    dependencies = [
        ('stores', '0010_index_of_duplicates'),
    ]

    operations = [
        migrations.AlterField(
            model_name='storegroup',
            name='name',
            field=models.CharField(error_messages={'blank': 'A group needs a name.', 'unique': 'Another group has this name.'}, max_length=64, unique=True, validators=[stores.models.store.all_visible]),
        ),
        migrations.AlterField(
            model_name='storegroup',
            name='name_part',
            field=models.CharField(blank=True, max_length=100, verbose_name='part of the name'),
        ),
    ]
