"""Does every database come to the same tables, wherever it begins, and while the service runs?"""

import re
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as DjangoCommand
from django.db import connection, connections
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django_migration_linter.migration_linter import MigrationLinter

from jobs.management.readiness import refuse_missing_migrations
from retail_pulse.db import migrating
from tests.jobs.queue.concurrently import Concurrent, blocked
from tests.lint_settings import MIGRATION_LINTER_OPTIONS
from tests.waiting import wait_for

OURS = MIGRATION_LINTER_OPTIONS["include_apps"]
SQUASHED = "0001_squashed_0006_what_waits_for_a_host"
REPLACED = [
    name for _, name in MigrationLoader(None, replace_migrations=False).get_migration("jobs", SQUASHED).replaces
]
SCHEMA = {
    "columns": """
        SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default,
               collation_name, is_identity, generation_expression
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": """
        SELECT conrelid::regclass::text, conname, convalidated, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'""",
    "triggers": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "functions": "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "options": "SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
}


@contextmanager
def empty_database():
    """A connection to a database of its own, without tables."""
    name = f"{connection.settings_dict['NAME']}_migrations"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {name}")
    options = {key: value for key, value in connection.settings_dict["OPTIONS"].items() if key != "pool"}
    with pytest.MonkeyPatch.context() as patch:
        # Under a name of its own: what records the migrations applied looks for its connection by the name.
        patch.setitem(connections.settings, "empty", {**connection.settings_dict, "NAME": name, "OPTIONS": options})
        yield connections["empty"]
        connections["empty"].close()
        del connections["empty"]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


# `sqlmigrate` looks in the database for the index of a field that is to go, and no longer finds it there.
FIELDS_INDEX_GONE = re.compile(r'DROP INDEX IF EXISTS "\w+_[0-9a-f]{8}"')


@dataclass
class Walk:
    """What a database is, and was, that has gone from one release to the next."""

    plans: dict[str, list[str]]  # the migrations to come after each of those replaced
    begun: dict[str, list[str]]  # the schema where a new database begins
    applied: set[tuple[str, str]]  # then
    rest: list[str]  # the migrations to come then
    now: dict[str, list[str]]  # the schema after them
    left: list[str]  # the migrations to come after them


@pytest.fixture(scope="module")
def statements():
    """What each migration has executed on the databases of this module, by app and name."""
    return {}


@pytest.fixture(scope="module")
def every_statement(squashed, walk, statements):
    """As `sqlmigrate` would write them; to call it for each takes seconds."""
    return {
        migration: [statement for statement in executed if not FIELDS_INDEX_GONE.match(statement)]
        for migration, executed in statements.items()
    }


@pytest.fixture(scope="module")
def squashed(django_db_setup, django_db_blocker, statements):
    """The tables of a database that began with the squashed migration, and the migrations to come."""
    with django_db_blocker.unblock(), empty_database() as database:
        finish_replaced(database, statements)
        return schema(database), to_come(database)


@pytest.fixture(scope="module")
def walk(django_db_setup, django_db_blocker, statements):
    """Of a database that was there before the squashed migration, and has had some indexes differently."""
    with django_db_blocker.unblock(), empty_database() as database:
        plans = {}
        for name in REPLACED[:-1]:
            migrate_to(database, name, statements)
            plans[name] = to_come(database)
        finish_replaced(database, statements)
        begun = schema(database)
        executor = MigrationExecutor(database)
        applied, rest = set(executor.loader.applied_migrations), to_come(database)
        with database.cursor() as cursor:
            cursor.execute("DROP INDEX image_deferred_by_job, image_finished, image_finished_of_job")
            cursor.execute(
                "CREATE INDEX image_finished ON jobs_imageresult (finished_at) WHERE finished_at IS NOT NULL"
            )
        migrate(database, statements)
        return Walk(plans, begun, applied, rest, schema(database), to_come(database))


class Recorded(MigrationExecutor):
    """Writes down what each migration executes."""

    def __init__(self, database, statements):
        super().__init__(database)
        self.statements = statements

    def apply_migration(self, state, migration, **options):
        executed = self.statements[migration.app_label, migration.name] = ["BEGIN;"] if migration.atomic else []
        execute = DatabaseSchemaEditor.execute

        def record(editor, sql, params=()):
            executed.append(editor.connection.ops.compose_sql(str(sql), params) if params else str(sql))
            return execute(editor, sql, params)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DatabaseSchemaEditor, "execute", record)
            return super().apply_migration(state, migration, **options)


def migrate_to(database, name, statements):
    """As a database came to this migration before there was the squashed one."""
    executor = Recorded(database, statements)
    executor.loader.replace_migrations = False
    executor.loader.build_graph()
    executor.migrate([("jobs", name)])


def finish_replaced(database, statements):
    """Up to what the squashed migration makes, as `migrate` would on its way."""
    executor = Recorded(database, statements)
    # Where only some of those that it replaces were applied, they go on one by one.
    name = SQUASHED if ("jobs", SQUASHED) in executor.loader.graph.nodes else REPLACED[-1]
    executor.migrate([("jobs", name)])
    executor.check_replacements()


def migrate(database, statements):
    executor = Recorded(database, statements)
    executor.migrate(executor.loader.graph.leaf_nodes())
    executor.check_replacements()


def to_come(database):
    executor = MigrationExecutor(database)
    return [str(migration) for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]


def schema(database):
    with database.cursor() as cursor:
        found = {}
        for what, query in SCHEMA.items():
            cursor.execute(query)
            found[what] = sorted(map(repr, cursor.fetchall()))
    return found


@pytest.mark.parametrize("begun", REPLACED[:-1])
def test_a_database_of_an_earlier_release_goes_on_where_it_is(walk, begun):
    jobs = [name.removeprefix("jobs.") for name in walk.plans[begun] if name.startswith("jobs.")]
    assert [name for name in jobs if name in REPLACED] == REPLACED[REPLACED.index(begun) + 1 :]
    assert SQUASHED not in jobs
    assert set(walk.rest) < set(walk.plans[begun])


def test_a_database_of_the_first_release_comes_to_where_a_new_one_begins(squashed, walk):
    expected, rest = squashed
    for what, found in walk.begun.items():
        assert set(found) ^ set(expected[what]) == set()
    assert ("jobs", SQUASHED) in walk.applied
    assert walk.rest == rest != []


@pytest.mark.django_db
def test_a_database_migrated_while_its_indexes_were_still_being_written_comes_to_the_same_tables(walk):
    expected = schema(connection)
    for what, found in walk.now.items():
        assert set(found) ^ set(expected[what]) == set()
    assert walk.left == []


@pytest.mark.django_db
def test_a_service_starts_on_a_database_that_has_begun_with_the_migrations_replaced():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE name = %s", [SQUASHED])
    refuse_missing_migrations()


def migrations():
    """Those of this project that run on a database with rows, by name."""
    return [key for key in sorted(MigrationLoader(None).disk_migrations) if key[0] in OURS and key[1] not in REPLACED]


# What holds a table's lock for as long as it has rows, and the linter does not know; within the migration that makes
# the table, nobody waits.
SLOW = {
    "a check that reads every row: add it as NOT VALID, and validate it in another migration": re.compile(
        r'ALTER TABLE "(\w+)" ADD CONSTRAINT \S+ CHECK (?!.*NOT VALID)'
    ),
    "a stored column, for which every row is written anew": re.compile(r'ALTER TABLE "(\w+)" ADD COLUMN .* STORED'),
    "a default that differs from row to row, for which every row is written anew": re.compile(
        r'ALTER TABLE "(\w+)" ADD COLUMN .* DEFAULT .*(?:random|clock_timestamp|uuid)\w*\('
    ),
}


def slow(statements):
    made = set(re.findall(r'CREATE TABLE "(\w+)"', "\n".join(statements)))
    return [
        what
        for what, pattern in SLOW.items()
        if any(table not in made for statement in statements for table in pattern.findall(statement))
    ]


def lines(statements):
    return "\n".join(statements).splitlines()


def lint(**options):
    linter = MigrationLinter(**options, no_output=True)
    linter.lint_all_migrations()
    return linter


@pytest.mark.django_db
def test_no_migration_alters_a_table_in_a_way_that_the_linter_knows_to_be_slow(every_statement, monkeypatch):
    monkeypatch.setattr(MigrationLinter, "get_sql", lambda linter, *migration: lines(every_statement[migration]))
    options = {key: value for key, value in MIGRATION_LINTER_OPTIONS.items() if key != "warnings_as_errors"}
    assert not lint(**options, all_warnings_as_errors=True).has_errors
    # It does find something: in those that are left out because they are part of the squashed one.
    assert (
        lint(**{**options, "ignore_name": [], "include_apps": ["jobs"]}, all_warnings_as_errors=True).nb_erroneous == 2
    )


@pytest.mark.parametrize("migration", migrations(), ids="-".join)
def test_no_migration_holds_a_lock_for_as_long_as_its_table_has_rows(every_statement, migration):
    assert slow(lines(every_statement[migration])) == []


def test_what_reads_or_writes_every_row_is_found(every_statement):
    assert len(slow(lines(every_statement["jobs", "0005_what_people_do_to_jobs"]))) == 2
    for safe in (
        'ALTER TABLE "t" ADD CONSTRAINT "c" CHECK (n > 0) NOT VALID',
        'ALTER TABLE "t" ADD COLUMN "n" integer',
    ):
        assert slow([safe]) == []
    assert slow(['ALTER TABLE "t" ADD COLUMN "u" uuid DEFAULT (gen_random_uuid()) NOT NULL'])


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(migrating, "LOCK_SECONDS", 0.05)


@pytest.mark.django_db(transaction=True)
def test_a_migration_lets_others_pass_while_it_cannot_have_its_table(hurried, other):
    other.execute("SELECT FROM jobs_worker")  # a long transaction that reads
    waits = []

    def alter():
        waits.append(1)
        with migrating.short_lock_waits(connection), connection.schema_editor() as editor:
            editor.execute("ALTER TABLE jobs_worker ALTER COLUMN seats SET DEFAULT 1")

    migrating_now = Concurrent(lambda: migrating.until_locked(alter, tries=200))
    wait_for(lambda: len(waits) >= 2 and blocked())
    other.commit()
    assert migrating_now.ended() is None
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)
        cursor.execute("ALTER TABLE jobs_worker ALTER COLUMN seats DROP DEFAULT")


@pytest.mark.django_db(transaction=True)
def test_a_table_that_stays_locked_is_said_with_the_cure(hurried, other, monkeypatch):
    def alter(*arguments, **options):
        with connection.schema_editor() as editor:
            editor.execute("ALTER TABLE jobs_worker ALTER COLUMN seats SET DEFAULT 1")

    monkeypatch.setattr(DjangoCommand, "handle", alter)
    other.execute("SELECT FROM jobs_worker")
    with pytest.raises(CommandError, match="run migrate again once long transactions have ended"):
        call_command("migrate", verbosity=0)
