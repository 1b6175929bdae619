"""What `serve` and `work` make sure of before they begin, and no more: unfinished work waits for them."""

import pkgutil
from importlib import import_module

from django.apps import apps
from django.core.checks import Tags
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.template.defaultfilters import pluralize

# Those of settings, which may differ at each start. The others examine the code: `./run lint` runs them, and they load
# every page and endpoint.
SETTINGS_CHECKS = [Tags.compatibility, Tags.caches]


def refuse_missing_migrations() -> None:
    """Raise CommandError where the database lacks tables that this version needs."""
    if _files() <= MigrationRecorder(connection).applied_migrations().keys():
        # Nothing can be missing, and the graph of migrations takes longer to load than all else here.
        return
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        raise CommandError(f"The database lacks {missing} migration{pluralize(missing)}; run: ./run manage migrate")


def _files() -> set[tuple[str, str]]:
    """Every migration of every app, by label and name."""
    files: set[tuple[str, str]] = set()
    for app in apps.get_app_configs():
        try:
            folder = import_module(f"{app.name}.migrations").__path__
        except ModuleNotFoundError:
            continue
        files |= {(app.label, module.name) for module in pkgutil.iter_modules(folder) if module.name[0] not in "_~"}
    return files
