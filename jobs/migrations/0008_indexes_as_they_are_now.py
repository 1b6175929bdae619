"""Three indexes as they are now, for databases that were migrated while 0005 and 0006 were still being written."""

from typing import Any

from django.db import migrations

# Those that began without the columns that they include, and one that came last.
NAMES = ["image_finished", "image_finished_of_job", "image_deferred_by_job"]
DEFINITION = "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() AND indexname = %s"


def make_anew(apps: Any, schema_editor: Any) -> None:
    model = apps.get_model("jobs", "ImageResult")
    for index in model._meta.indexes:
        if index.name not in NAMES:
            continue
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(DEFINITION, [index.name])
            found = cursor.fetchone()
        if found and ("INCLUDE" in found[0]) == bool(index.include):
            continue
        # Beside the work: nobody waits for it.
        if found:
            schema_editor.execute(index.remove_sql(model, schema_editor, concurrently=True))
        schema_editor.execute(index.create_sql(model, schema_editor, concurrently=True))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("jobs", "0007_what_a_store_goes_on_with")]

    operations = [migrations.RunPython(make_anew, migrations.RunPython.noop)]
