"""Does the operations page say that a model is away, in whole sentences?"""

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from jobs.engine.model_report import as_json
from jobs.imaging.model_pause import Absence
from jobs.imaging.model_step import ModelState
from jobs.models import Worker
from tests.factories import make_staff, make_worker

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("connection refused", ': <span class="break">connection refused</span>.</strong>'),
        ("It cannot be reached.", ': <span class="break">It cannot be reached.</span></strong>'),
        ("", " ago</time>.</strong>"),
    ],
)
def test_a_sentence_ends_with_one_full_stop(client, reason, sentence):
    worker = make_worker()
    Worker.objects.filter(pk=worker).update(model=as_json(ModelState(Absence(10.0, reason), [])), beat_at=Now())
    client.force_login(make_staff("view_job", "view_pausedhost"))
    page = client.get(reverse("dashboard:operations")).text
    assert f"The model of worker {worker} went away" in page
    assert sentence in page
