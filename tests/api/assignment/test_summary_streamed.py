"""What does the summary of an ongoing job answer where much of it has failed?"""

import json

import pytest
from django.db.models.functions import Now

from api.assignment import answers
from jobs import queue
from jobs.models import ImageResult, Job
from jobs.models.store_errors import stream_failed
from tests.factories import submit_job

pytestmark = pytest.mark.django_db


def test_the_summary_of_a_job_whose_failed_images_are_retried_meanwhile_names_no_store(admin_client, monkeypatch):
    job = submit_job(answers.FEW_FAILED + 2)
    ImageResult.objects.exclude(pk=ImageResult.objects.order_by("pk")[0].pk).update(
        state="failed", error_code="http_404", error_message="404", finished_at=Now()
    )
    Job.objects.update(failed=answers.FEW_FAILED + 1)

    def errors():
        return json.loads(admin_client.get(f"/api/status?jobid={job.pk}&view=summary").getvalue())["error"]

    assert len(errors()) == 1

    def retried(job_id):
        queue.retry(job_id)
        return stream_failed(job_id)

    monkeypatch.setattr(answers, "stream_failed", retried)
    assert errors() == []
