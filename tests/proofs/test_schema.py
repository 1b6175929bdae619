"""Does the API do what its document says? What the proof asks, in small and without the sockets."""

import functools
from contextlib import suppress

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as drawing
from hypothesis.errors import Unsatisfiable

from proofs import schema as proof
from retail_pulse.handler import Handler
from tests.access.conftest import make_key
from tests.api.payloads import work_off
from tests.factories import submit_job

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = 2


# Each takes this part of the operations, so that none takes long on a busy machine.
PARTS = 4


@functools.cache
def operations():
    """What the document describes, read once for all parts."""
    # Here, so that only the worker that needs it takes the second that its import takes.
    import schemathesis
    from schemathesis.checks import load_all_checks

    load_all_checks()
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", Handler())
    return [
        operation
        for found in schema.get_all_operations()
        if not ((operation := found.ok()).path.endswith("/events") or "/token" in operation.path)
    ]


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_every_operation_answers_as_documented(settings, mode, part):
    settings.API_RATE_PER_MINUTE = 0
    settings.ALLOWED_HOSTS = ["*"]
    cache.clear()
    key = make_key(User.objects.create_superuser("root"))[1]
    submit_job(3)
    work_off()
    assert len({operation.label for operation in operations()}) >= 25

    from schemathesis.generation import GenerationMode

    for operation in operations()[part::PARTS]:
        _ask(operation.as_strategy(generation_mode=GenerationMode(mode)), key)


def _ask(cases, key):
    from schemathesis.checks import CHECKS

    checks = CHECKS.get_by_names([name for name in proof.CHECKS if name != "unsupported_method"])

    @drawing(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def ask(case):
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, checks=checks)

    # An operation that takes nothing cannot be asked wrongly.
    with suppress(Unsatisfiable):
        ask()
