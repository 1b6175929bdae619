"""`manage.py export`: what it writes, and its exit codes."""

import io
import json
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from stores.models import StoreGroup
from tests.factories import KNOWN_STORE, submit_job, submit_visits
from tests.stores.test_import_stores_command import database_url

pytestmark = pytest.mark.django_db


@pytest.fixture
def job():
    return submit_visits((KNOWN_STORE, ["http://a.test/1", "http://b.test/2"]), ("nowhere", ["http://a.test/3"]))


def export(*arguments):
    out = io.StringIO()
    call_command("export", *map(str, arguments), stdout=out)
    return out.getvalue()


def urls(path):
    return [json.loads(line)["image_url"] for line in path.read_text().splitlines()]


def test_a_file_is_written_in_the_format_of_its_extension(job, tmp_path):
    assert export(job.pk, tmp_path / "a.csv") == f"{tmp_path / 'a.csv'}: {(tmp_path / 'a.csv').stat().st_size} bytes\n"
    assert (tmp_path / "a.csv").read_bytes().startswith(b'\xef\xbb\xbf"store_id",')
    export(job.pk, tmp_path / "a.ndjson")
    assert len(urls(tmp_path / "a.ndjson")) == 3
    export(job.pk, tmp_path / "b.csv", "--format", "ndjson")
    assert len(urls(tmp_path / "b.csv")) == 3


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--state", "failed"], ["http://a.test/3"]),
        (["--code", "unknown_store"], ["http://a.test/3"]),
        (["--host", "b.test"], ["http://b.test/2"]),
        (["--store", "nowhere"], ["http://a.test/3"]),
        (["--area", "A-1"], ["http://a.test/1", "http://b.test/2"]),
        (["--area", ""], ["http://a.test/3"]),
    ],
)
def test_the_filters_are_applied(job, tmp_path, options, found):
    export(job.pk, tmp_path / "a.ndjson", *options)
    assert urls(tmp_path / "a.ndjson") == found


def test_a_group_of_stores_is_a_filter(job, tmp_path):
    group = StoreGroup.objects.create(name="North", area="A-1")
    export(job.pk, tmp_path / "a.ndjson", "--group", group.pk)
    assert urls(tmp_path / "a.ndjson") == ["http://a.test/1", "http://b.test/2"]
    with pytest.raises(CommandError, match=f"There is no group of stores {group.pk + 1};"):
        export(job.pk, tmp_path / "b.ndjson", "--group", group.pk + 1)
    assert not (tmp_path / "b.ndjson").exists()


def test_an_unknown_job_is_an_error(tmp_path):
    with pytest.raises(CommandError, match=r"There is no job 7\."):
        export(7, tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_an_error(job, tmp_path):
    with pytest.raises(CommandError, match="No such file or directory; nothing was written there"):
        export(job.pk, tmp_path / "absent" / "a.csv")


def test_an_unknown_format_is_answered_with_those_that_there_are():
    # Python 3.12 quotes them.
    with pytest.raises(CommandError, match=r"\(choose from '?csv'?, '?ndjson'?\)"):
        export(7, "--format", "xml")


@pytest.mark.django_db(transaction=True)
def test_standard_output_holds_the_file_alone_and_may_be_closed_early():
    job = submit_job(3_000)
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "export", str(job.pk), "--format", "ndjson"]
    environment = {**os.environ, "DATABASE_URL": database_url()}
    whole = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert len(whole.stdout.splitlines()) == 3_000
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert json.loads(process.stdout.readline())
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
        assert process.wait() == 1
    few = [*command[:-2], "--state", "pending", "--host", "nowhere"]
    with subprocess.Popen(few, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert b"BrokenPipe" not in process.stderr.read()
        assert process.wait() == 1
