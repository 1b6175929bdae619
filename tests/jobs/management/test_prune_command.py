"""`manage.py prune`: what it deletes, what it says, and what it refuses."""

import io
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from jobs import deletion, queue
from jobs.deletion import slices
from jobs.management.age import UnclearAge, read_age
from jobs.models import DeletedJob, Job
from jobs.reporting.audit import audit
from retail_pulse.db import advisory_locks
from stores.models import StoreImport
from tests import ROOT
from tests.factories import submit_job
from tests.jobs.deletion.conftest import age, counted, ended_job, no_grace  # noqa: F401
from tests.jobs.queue.concurrently import Concurrent, blocked
from tests.stores.test_import_stores_command import database_url
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

UNREADABLE = [
    *["", "90", "d", "-1d", "+1d", "1.5d", "90 d", "90D", "90days", "3m", "\N{ARABIC-INDIC DIGIT THREE}d", "1d\n"],
    *["1234567890d", "yesterday", "2026-13-01"],
]
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def prune(*arguments):
    out = io.StringIO()
    call_command("prune", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def old_and_young():
    old, young = ended_job(days_ago=91), ended_job(days_ago=89)
    age(submit_job(1), 100)
    for days in (91, 89):
        made = StoreImport.objects.create(name=f"{days}.csv", stored_at=NOW)
        StoreImport.objects.filter(pk=made.pk).update(stored_at=queue.database_now() - timedelta(days=days))
    return old, young


def test_what_ended_before_then_is_deleted_and_counted(old_and_young):
    old, young = old_and_young
    said = prune("--older-than", "90d")
    assert "1 job with 3 images, and 1 import of stores deleted.\n1 older job kept: not ended yet.\n" in said
    assert set(Job.with_deleted.ended()) == {young}
    assert DeletedJob.objects.values_list("job_id", "cause", "user_name").get() == (old.pk, "command", "")
    assert DeletedJob.objects.get().gone_at is not None
    assert counted() == {"": 2, "not_an_image": 1}
    assert StoreImport.objects.get().name == "89.csv"
    assert audit().is_clean


def test_a_dry_run_counts_the_same_and_deletes_nothing(old_and_young):
    dry = json.loads(prune("--older-than", "90d", "--dry-run", "--format", "json"))
    assert Job.objects.count() == 3
    assert StoreImport.objects.count() == 2
    wet = json.loads(prune("--older-than", "90d", "--format", "json"))
    assert dry | {"before": None} == wet | {"before": None, "dry_run": True}
    assert (wet["jobs"], wet["images"], wet["imports"], wet["not_ended"], wet["dry_run"]) == (1, 3, 1, 1, False)
    assert datetime.fromisoformat(wet["before"]).tzinfo is not None


def test_nothing_old_is_nothing_to_wait_for(monkeypatch):
    monkeypatch.setattr(slices, "GRACE_SECONDS", 3600)
    ended_job()
    assert "0 jobs with 0 images, and 0 imports of stores deleted." in prune("--older-than", "1h")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12h", NOW - timedelta(hours=12)),
        ("90d", NOW - timedelta(days=90)),
        ("8w", NOW - timedelta(weeks=8)),
        ("1h", NOW - timedelta(hours=1)),
        ("2026-11-27", datetime(2026, 11, 27, tzinfo=UTC)),
        ("2026-11-27T13:00:00+01:00", NOW),
    ],
)
def test_ages_and_past_dates_are_read(text, expected):
    assert read_age(text, NOW) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0d", "every job that has ended"),
        ("2026-11-28", "is in the future"),
        ("2026-11-27T13:00:01+01:00", "is in the future"),
        ("9999999w", "before the year 1"),
        ("999999999w", "before the year 1"),
        *[(text, "neither an age nor a date") for text in UNREADABLE],
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(text, why):
    with pytest.raises(UnclearAge, match=why) as refused:
        read_age(text, NOW)
    assert "such as 12h, 90d or 8w, or a past date, such as 2026-01-31." in str(refused.value)


def test_a_refused_age_deletes_nothing(old_and_young):
    with pytest.raises(CommandError, match=r"--older-than '2999-01-01' is in the future: allowed is") as refused:
        prune("--older-than", "2999-01-01")
    assert refused.value.returncode == 2
    assert Job.objects.count() == 3


def test_an_interrupted_prune_says_that_what_is_left_goes_later(old_and_young, monkeypatch, capsys):
    def interrupted(*, wait):
        raise KeyboardInterrupt

    monkeypatch.setattr(slices, "delete_slice", interrupted)
    with pytest.raises(SystemExit) as ended:
        call_command("prune", "--older-than", "90d")
    assert ended.value.code == 130
    assert "Every job is whole, or deleted" in capsys.readouterr().err
    assert audit().is_clean
    assert Job.with_deleted.deleted().count() == 1


def test_a_prune_tells_how_far_it_is(monkeypatch):
    monkeypatch.setattr(slices, "MOST_ROWS", 4)
    for _ in range(3):
        ended_job(days_ago=100)
    seen = []
    deletion.prune(queue.database_now() - timedelta(days=90), lambda *far: seen.append(far))
    assert seen == [(3, 9), (6, 9), (9, 9)]


def test_two_prunes_at_once_share_the_jobs_and_take_turns(other, monkeypatch):
    monkeypatch.setattr(slices, "MOST_ROWS", 2)
    jobs = [ended_job(days_ago=100) for _ in range(4)]
    other.execute("SELECT pg_advisory_xact_lock(%s)", [advisory_locks.DELETION])
    before = queue.database_now() - timedelta(days=90)
    pruning = [Concurrent(lambda: deletion.prune(before)) for _ in range(2)]
    wait_for(blocked)
    other.commit()
    pruned = [each.ended() for each in pruning]
    assert sum(each.jobs for each in pruned) == len(jobs)
    assert sum(each.images for each in pruned) == 3 * len(jobs)
    assert counted() == {"": 8, "not_an_image": 4}
    assert not Job.with_deleted.exists()
    assert audit().is_clean


# One job a slice, and no grace.
SMALL_SLICES = """
import django; django.setup()
from django.core.management import call_command
from jobs.deletion import slices
slices.MOST_ROWS, slices.GRACE_SECONDS = 3 + 1, 0
call_command("prune", "--older-than", "90d")
"""


def test_what_a_killed_prune_has_left_the_next_one_deletes():
    """Killed within a slice, and behind one: nothing is lost of the totals, and nothing is counted twice."""
    for _ in range(3):
        ended_job(days_ago=100)
    environment = {**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    for failpoint in ("prune.images:kill", "prune.after_commit:kill"):
        command, variables = [sys.executable, "-c", SMALL_SLICES], {**environment, "FAILPOINTS": failpoint}
        done = subprocess.run(command, cwd=ROOT, env=variables, check=False)
        assert done.returncode == -signal.SIGKILL
        assert not Job.objects.exists()
        assert audit().is_clean
    assert Job.with_deleted.count() == 2
    prune("--older-than", "90d")
    assert counted() == {"": 6, "not_an_image": 3}
    assert not Job.with_deleted.exists()
    assert audit().is_clean
