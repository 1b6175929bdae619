"""Do `serve` and `work` refuse a database that lacks tables, and look no further than they must?"""

import pytest
from django.core.management.base import CommandError
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from jobs.management.readiness import refuse_missing_migrations

pytestmark = pytest.mark.django_db


def test_a_migration_that_was_not_applied_is_counted():
    last = MigrationRecorder.Migration.objects.filter(app="jobs").order_by("-name").first()
    last.delete()
    with pytest.raises(CommandError, match=r"lacks 1 migration; run: \./run manage migrate"):
        refuse_missing_migrations()


def test_an_empty_database_lacks_every_migration():
    MigrationRecorder.Migration.objects.all().delete()
    with pytest.raises(CommandError, match="migrate"):
        refuse_missing_migrations()


def test_where_all_are_applied_their_graph_is_not_built(monkeypatch):
    monkeypatch.setattr(MigrationExecutor, "__init__", lambda *_: pytest.fail("the graph was built"))
    refuse_missing_migrations()


def test_a_migration_of_a_later_version_is_no_reason_to_refuse():
    MigrationRecorder.Migration.objects.create(app="jobs", name="9999_of_a_later_version")
    refuse_missing_migrations()
