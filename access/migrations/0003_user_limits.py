"""A table of its own: nothing that is there is locked."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0002_roles_and_teams'),
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='UserLimits',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='limits', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('requests_per_minute', models.PositiveIntegerField(blank=True, help_text="Of the API; 0 is no limit. Empty: what the service's setting says.", null=True, validators=[django.core.validators.MaxValueValidator(1000000)])),
                ('pending_images', models.PositiveIntegerField(blank=True, help_text="Unfinished images at once. Empty: what the service's setting says.", null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2147483647)])),
                ('priority', models.SmallIntegerField(blank=True, help_text='Of jobs that name none, and the highest that may be asked for without the permission to prioritize jobs, -9 to 9. Empty: 0.', null=True, validators=[django.core.validators.MinValueValidator(-9), django.core.validators.MaxValueValidator(9)])),
            ],
            options={
                'verbose_name': 'user limits',
                'verbose_name_plural': 'user limits',
            },
        ),
    ]
