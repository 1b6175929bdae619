"""The host of an image's URL, as the database derives it."""

import pytest

from jobs.models import ImageResult
from tests.factories import submit_job

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://cdn.example/shelf.jpg", "cdn.example"),
        ("https://CDN.Example:8443/shelf.jpg?a=@b", "cdn.example"),
        ("http://user:secret@cdn.example/shelf.jpg", "cdn.example"),
        ("http://[2001:DB8::1]:80/shelf.jpg", "[2001:db8::1]"),
        ("http://10.0.0.1", "10.0.0.1"),
        ("HTTP://münchen.example#top", "münchen.example"),
        ("ftp://files.example/a", "files.example"),
        ("http:///nowhere", ""),
        ("shelf.jpg", ""),
        ("http://" + "a" * 300 + "/x", "a" * 255),
    ],
)
def test_a_host_is_read_from_the_url(url, host):
    job = submit_job([url])
    assert ImageResult.objects.get(job=job).host == host
