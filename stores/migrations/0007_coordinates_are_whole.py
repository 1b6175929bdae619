"""Of the rows that are there already; it locks none of them."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('stores', '0006_indexes_of_categories_and_words'),
    ]

    operations = [
        ValidateConstraint(model_name='store', name='store_coordinates_whole'),
    ]
