"""Does the program that docs/results.md shows load every result once, retries included?"""

import re
import sqlite3

import pytest
import requests

from jobs import queue
from jobs.errors import HTTPStatus
from tests import ROOT
from tests.access.conftest import make_key
from tests.api.payloads import work_off
from tests.factories import submit_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def load(live_server):
    (program,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "results.md").read_text(), re.M | re.S)
    names: dict = {}
    exec(program, names)
    return lambda key, path: names["load"](live_server.url, key, path)


def loaded(path):
    with sqlite3.connect(path) as warehouse:
        return warehouse.execute("SELECT image_id, generation, state FROM results ORDER BY image_id").fetchall()


def test_the_program_of_the_documentation(load, tmp_path, settings, django_user_model):
    settings.MAX_ATTEMPTS = 1
    anna = django_user_model.objects.create_user("anna")
    key, path = make_key(anna)[1], tmp_path / "warehouse.sqlite3"
    job = submit_job(["http://a.test/1", "http://a.test/2"], owner=anna)
    work_off({"http://a.test/2": HTTPStatus(503)})
    load(key, path)
    first, second = job.images.order_by("pk").values_list("pk", flat=True)
    assert loaded(path) == [(first, 0, "completed"), (second, 0, "failed")]
    queue.retry(job.pk)
    work_off()
    submit_job(1)
    work_off()
    load(key, path)
    load(key, path)
    assert loaded(path) == [(first, 0, "completed"), (second, 1, "completed")]
    with pytest.raises(requests.HTTPError, match="401"):
        load("rp_wrong", path)
