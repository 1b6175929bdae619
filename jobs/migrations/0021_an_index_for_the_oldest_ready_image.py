"""The oldest ready image has an index that a claim cannot use: sorting all ready images by it costs seconds."""

from datetime import UTC, datetime

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Claims go on meanwhile.
    atomic = False

    dependencies = [
        ("jobs", "0020_what_a_rule_asks_of_an_image"),
    ]

    operations = [
        AddIndexConcurrently(
            "imageresult",
            models.Index(
                fields=["ready_since"],
                condition=models.Q(
                    state="pending",
                    run_after=None,
                    held=False,
                    waits_for="",
                    ready_since__gt=datetime(1970, 1, 1, tzinfo=UTC),
                ),
                name="image_oldest_ready",
            ),
        ),
        RemoveIndexConcurrently("imageresult", "image_ready_since"),
    ]
