"""The retries of the last minutes, whose visits are summed anew."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Actions go on meanwhile.
    atomic = False

    dependencies = [
        ("jobs", "0016_the_request_that_made_a_job"),
    ]

    operations = [
        AddIndexConcurrently(
            "jobaction",
            models.Index(fields=["done_at"], condition=models.Q(verb="retry"), name="job_action_retried_at"),
        ),
    ]
