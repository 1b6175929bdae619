"""Indexes that find the next image of a store under `stop_store` without reading those before it."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Built while the service works, which no transaction allows.
    atomic = False

    dependencies = [("jobs", "0006_what_waits_for_a_host")]

    operations = [
        AddIndexConcurrently(
            model_name="imageresult",
            index=models.Index(
                condition=models.Q(("held", True), ("state", "pending")), fields=["visit", "id"], name="image_held"
            ),
        ),
        AddIndexConcurrently(
            model_name="visit",
            index=models.Index(
                condition=models.Q(("store_id__gte", "")), fields=["job", "store_id", "id"], name="visit_of_job_by_store"
            ),
        ),
    ]
