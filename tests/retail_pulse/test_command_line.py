"""What does a command say where the database is away, or lacks what this version needs?"""

import os
import subprocess
import sys
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core.management import get_commands
from django.db import OperationalError, ProgrammingError, connection

from retail_pulse.command_line import DATABASE_FAILED, CommandLine
from tests import ROOT
from tests.api.databases import refusing
from tests.databases import disconnect
from tests.stores.test_import_stores_command import database_url

STORES = str(ROOT / "fixtures" / "stores.csv")
# One command line for each of our commands that uses the database, and some of Django's.
COMMANDS = [
    ("import_stores", STORES),
    ("import_stores", STORES, "--if-empty"),
    ("audit",),
    ("retry", "1"),
    ("prune", "--older-than", "90d"),
    ("export", "1", "--format", "csv"),
    ("submit", str(ROOT / "fixtures" / "example-request.json")),
    ("create_api_key", "till", "--scope", "read"),
    ("revoke_api_key", "0"),
    ("invite", "anna", "--base-url", "https://pulse.example"),
    ("reset_link", "anna", "--base-url", "https://pulse.example"),
    ("give_role", "anna", "viewer"),
    ("team", "north"),
    ("set_limits", "anna", "--priority", "3"),
    ("webhook", "list"),
    ("fill_results_feed",),
    ("export_results", "--from", "2026-01-01", "--to", "2026-02-01", "--folder", "/nowhere"),
    ("categorise_stores",),
    ("refresh_insights",),
    ("rebuild_insights",),
    ("recompute_findings",),
    ("check_alerts",),
    ("work", "--drain"),
    ("serve",),
    ("migrate",),
    ("showmigrations",),
    ("createsuperuser", "--noinput", "--username", "x", "--email", "x@example.org"),
]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        CommandLine(["manage.py", *arguments]).execute()
    return int(end.value.code or 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_where_the_database_is_away_every_command_says_so_in_a_sentence(capsys, arguments):
    with refusing():
        assert run(*arguments) == DATABASE_FAILED
    # The pool may have written of its threads since.
    (said,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("CommandError: ")]
    assert said.startswith("CommandError: The database cannot be reached (")
    assert said.endswith(": is it running, and is DATABASE_URL right?")


@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_model_lacks_something_says_so_in_a_sentence(capsys, settings):
    settings.GPU_STEP = "jobs.imaging.steps.OnnxStep"
    settings.GPU_MODEL = ""
    assert run("work", "--drain") == 1
    (said,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("CommandError: ")]
    assert said == "CommandError: GPU_STEP=jobs.imaging.steps.OnnxStep: GPU_MODEL is unset; it names the ONNX file."


def test_each_of_our_commands_is_among_them():
    ours = {"access", "insights", "jobs", "photos", "stores"}
    assert {name for name, app in get_commands().items() if app in ours} <= {each[0] for each in COMMANDS}


BEFORE_MIGRATE = "-c search_path=nowhere"


def assert_says_to_migrate(said: str) -> None:
    assert "Traceback" not in said
    assert "migrations; run: ./run manage migrate" in said.splitlines()[-1]


@pytest.mark.django_db(transaction=True)
def test_before_migrate_a_command_says_to_migrate():
    process = subprocess.run(
        [sys.executable, settings.BASE_DIR / "manage.py", "import_stores", STORES],
        env={**os.environ, "DATABASE_URL": f"{database_url()}&options={quote(BEFORE_MIGRATE)}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == DATABASE_FAILED
    assert_says_to_migrate(process.stderr)


@pytest.mark.django_db(transaction=True)
def test_before_migrate_a_command_of_djangos_says_to_migrate(capsys, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct horse")
    options = {**connection.settings_dict["OPTIONS"], "options": BEFORE_MIGRATE}
    disconnect()
    try:
        with monkeypatch.context() as patch:
            patch.setitem(connection.settings_dict, "OPTIONS", options)
            assert run(*COMMANDS[-1]) == DATABASE_FAILED
    finally:
        disconnect()
    assert_says_to_migrate(capsys.readouterr().err)


@pytest.mark.django_db
def test_the_traceback_is_shown_to_those_who_ask(monkeypatch):
    def fail(*_, **__):
        raise OperationalError("gone")

    monkeypatch.setattr("stores.management.commands.import_stores.import_stores", fail)
    monkeypatch.setattr(connection, "close", lambda: None)
    with pytest.raises(OperationalError):
        CommandLine(["manage.py", "import_stores", STORES, "--traceback"]).execute()


@pytest.mark.django_db
def test_a_fault_of_our_own_stays_one(monkeypatch):
    def fail(*_, **__):
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM there_is_no_such_table")

    monkeypatch.setattr("stores.management.commands.import_stores.import_stores", fail)
    monkeypatch.setattr(connection, "close", lambda: None)
    monkeypatch.setattr("jobs.management.readiness.refuse_missing_migrations", lambda: None)
    with pytest.raises(ProgrammingError):
        CommandLine(["manage.py", "import_stores", STORES]).execute()
