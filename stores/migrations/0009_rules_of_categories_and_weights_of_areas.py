"""What is asked of images of a category's stores, and how fast an area's images move."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import stores.models.category_rule
import stores.models.store
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('stores', '0008_keywords'),
    ]

    operations = [
        migrations.CreateModel(
            name='AreaWeight',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('area_code', models.CharField(max_length=64, unique=True, validators=[stores.models.store.all_visible])),
                ('weight', models.FloatField(default=1.0, validators=[django.core.validators.MinValueValidator(0.1), django.core.validators.MaxValueValidator(10.0)])),
            ],
            options={
                'ordering': ['area_code'],
                'constraints': [models.CheckConstraint(condition=models.Q(('weight__gte', 0.1), ('weight__lte', 10.0)), name='area_weight_within_bounds')],
            },
        ),
        migrations.CreateModel(
            name='CategoryRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('priority', models.SmallIntegerField(default=0, validators=[django.core.validators.MinValueValidator(-9), django.core.validators.MaxValueValidator(9)])),
                ('most_images', models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10000)], verbose_name='most images of a visit')),
                ('allowed_hosts', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=255, validators=[stores.models.category_rule.check_host]), blank=True, default=list, size=100)),
                ('min_width', models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100000)], verbose_name='smallest width')),
                ('min_height', models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100000)], verbose_name='smallest height')),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('category', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='rule', to='stores.category')),
            ],
            options={
                'ordering': ['category'],
                'constraints': [models.CheckConstraint(condition=models.Q(('priority__gte', -9), ('priority__lte', 9)), name='category_rule_priority'), models.CheckConstraint(condition=models.Q(models.Q(('most_images', None), ('most_images__gte', 1), _connector='OR'), models.Q(('min_width', None), ('min_width__gte', 1), _connector='OR'), models.Q(('min_height', None), ('min_height__gte', 1), _connector='OR')), name='category_rule_numbers')],
            },
        ),
    ]
