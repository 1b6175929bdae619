"""What the tests of this folder submit, and to which engine."""

import time

import pytest

from tests.factories import submit_job

CELERY = "jobs.engine.celery.CeleryEngine"
on_redis = pytest.mark.parametrize("kind", ["redis"])


def one(images):
    return submit_job([f"{images.url}/{images.names[0]}?{time.monotonic_ns()}"])
