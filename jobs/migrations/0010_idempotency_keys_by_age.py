from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Submissions go on meanwhile.
    atomic = False

    dependencies = [
        ("jobs", "0009_permission_to_prioritize"),
    ]

    operations = [
        AddIndexConcurrently(
            "idempotencykey", models.Index(fields=["created_at"], name="idempotency_key_created_at")
        ),
    ]
