"""What a name of a store may say of its category, and how far the stores are looked at by it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('stores', '0007_coordinates_are_whole'),
    ]

    operations = [
        migrations.CreateModel(
            name='Categorising',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.BigIntegerField(db_default=1, default=1)),
                ('changed_at', models.DateTimeField(blank=True, null=True)),
                ('next_store', models.BigIntegerField(blank=True, db_default=0, default=0, null=True)),
                ('checked', models.BigIntegerField(db_default=0, default=0)),
                ('has_defaults', models.BooleanField(db_default=False, default=False)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='categorising_is_one_row')],
            },
        ),
        migrations.CreateModel(
            name='Keyword',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.CharField(db_collation='C', max_length=64, unique=True)),
                ('kind', models.CharField(choices=[('strong', 'strong: tells the category, and the last one of a name wins'), ('weak', 'weak: tells the category of a name without a strong keyword'), ('phrase', 'phrase: several words in a row, as a strong keyword'), ('ending', 'ending: the last words of a name, as a strong keyword'), ('venue', 'venue: a word for a place of any trade, such as CORNER; tells no category'), ('name', "a person's name: tells no category, and is never taken for a misspelling")], max_length=8)),
                ('category', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='keywords', to='stores.category')),
            ],
            options={
                'ordering': ['text'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('category__isnull', False), ('kind__in', ('strong', 'weak', 'phrase', 'ending'))), models.Q(('category', None), ('kind__in', ['venue', 'name'])), _connector='OR'), name='keyword_tells_or_not')],
            },
        ),
    ]
