"""Are jobs, visits and images found by their client's own ids, and what is said of them?"""

import pytest

from jobs.models import ImageDetails, ImageResult, Job, Visit, VisitReference
from jobs.submission.payload import parse_submission
from jobs.submission.submit import submit
from tests.admin.conftest import list_page, row_page
from tests.api.payloads import submission, visit

pytestmark = pytest.mark.django_db
SAID = {"client_reference": "A-7", "metadata": {"route": "7"}}


@pytest.fixture
def rows():
    """Of each kind, the row that has a reference."""
    image = {"url": "http://images.test/1.jpg", **SAID}
    for said in (SAID, {}):
        payload = parse_submission(submission({**visit("s", image if said else "u"), **said}, visit("t"), **said))
        submit(payload.visits, details=payload.details)
    return [
        Job.objects.get(client_reference="A-7"),
        Visit.objects.get(pk=VisitReference.objects.get().pk),
        ImageResult.objects.get(pk=ImageDetails.objects.get().pk),
    ]


def found(answer):
    return [row.pk for row in answer.context["cl"].result_list]


def test_each_is_found_by_its_reference(admin_client, rows):
    for row in rows:
        page = list_page(type(row))
        assert found(admin_client.get(page, {"q": " A-7 "})) == [row.pk]
        assert found(admin_client.get(page, {"q": "A-8"})) == []
        assert len(found(admin_client.get(page))) > 1


def test_each_page_shows_what_the_client_says(admin_client, rows):
    for row in rows:
        text = admin_client.get(row_page(row)).text
        assert "A-7" in text
        assert "route" in text
