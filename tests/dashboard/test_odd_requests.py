"""A page answers any address and any form; no page ends as a server error."""

import pytest

from jobs.models import ImageResult
from stores.models import Store
from tests.factories import submit_job

pytestmark = pytest.mark.django_db

ODD = [
    "%00", "%FF", "%ED%A0%80", "%F0%9F%91%A8", "-1", "0", "1e400", "9" * 30, "9223372036854775808", "%27%3B--", "%25",
    "%5C", "%3Cscript%3E", "a" * 3000, "%C2%85", "%E2%80%AE", "", "%0D%0AX:1",
]  # fmt: skip
# The one that is refused before any page.
NUL = "%00"
PAGES = {
    "/jobs/": ["stage", "q", "before"],
    "/jobs/{job}/": ["part", "state", "code", "host", "store", "area", "after"],
    "/jobs/{job}/retry/": ["state", "code", "host", "store", "area"],
    "/submit/": ["way"],
    "/stores/": ["q", "area", "after"],
    "/operations/": ["host"],
    "/sign-in/": ["next"],
}
# They read nothing of their address's query.
PLAIN_PAGES = ["/jobs/{job}/images/{image}/", "/stores/{store}/", "/stores/import/", "/docs/errors/"]
FORMS = {
    "/jobs/act/": ["act", "stage", "q", "confirmed"],
    "/jobs/{job}/act/": ["act", "priority", "confirmed"],
    "/jobs/{job}/retry/": ["what", "state", "code", "host", "store", "area"],
    "/stores/import/": ["file", "encoding", "rest"],
    "/appearance/": ["theme", "next"],
    "/sign-out/": ["next"],
}


@pytest.fixture
def names():
    job = submit_job(2)
    return {"job": job.pk, "image": ImageResult.objects.filter(job=job)[0].pk, "store": Store.objects.get().pk}


def every(names, odd):
    return "&".join(f"{name}={odd}" for name in names)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_answers_whatever_its_address_says(admin_client, names, path):
    for odd in ODD:
        assert admin_client.get(f"{path.format(**names)}?{every(PAGES[path], odd)}").status_code < 500, odd


@pytest.mark.parametrize("path", PLAIN_PAGES)
def test_a_page_that_reads_no_parameter_answers_whatever_is_added(admin_client, names, path):
    query = "&".join(f"x={odd}&{odd}=x" for odd in ODD if odd != NUL)
    assert admin_client.get(f"{path.format(**names)}?{query}").status_code == 200
    assert admin_client.get(f"{path.format(**names)}?x={NUL}").status_code == 400


@pytest.mark.parametrize("path", FORMS)
def test_a_form_answers_whatever_is_sent(admin_client, names, path):
    for odd in ODD:
        for sent in (every(FORMS[path], odd), f"act=prioritize&{every(FORMS[path][1:], odd)}"):
            answer = admin_client.post(path.format(**names), sent, content_type="application/x-www-form-urlencoded")
            assert answer.status_code < 500, odd


@pytest.mark.parametrize("number", ["0", "9223372036854775807", "9223372036854775808", "9" * 40])
def test_a_number_that_names_nothing_is_not_found(admin_client, number):
    for path in (
        "/jobs/{}/",
        "/jobs/1/images/{}/",
        "/jobs/{}/retry/",
        "/stores/{}/",
        "/stores/import/{}/",
        "/stores/import/{}/rejects.csv",
    ):
        assert admin_client.get(path.format(number)).status_code == 404


# A user who is signed in already is redirected from there.
@pytest.mark.parametrize("path", sorted({*PAGES, *PLAIN_PAGES, *FORMS} - {"/sign-in/"}))
def test_a_wrong_method_is_refused(admin_client, names, path):
    for method in ("put", "delete", "patch"):
        assert getattr(admin_client, method)(path.format(**names)).status_code == 405
