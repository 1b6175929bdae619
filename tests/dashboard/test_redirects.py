"""Where a redirect pointed and why it was refused: on the image's page, in the API and in the admin."""

import pytest
from django.utils.html import escape

from jobs import queue
from jobs.imaging.fetch import Fetcher
from jobs.imaging.gpu import SimulatedGPU
from jobs.imaging.guard import Guard
from jobs.imaging.pipeline import Pipeline
from jobs.models import FailedAttempt, ImageResult
from proofs.world.fault_server import FaultServer, response
from tests.factories import make_worker, submit_job
from tests.jobs.imaging.conftest import ALL_PORTS, LIMITS, LOOPBACK

pytestmark = pytest.mark.django_db


def redirected(*lines: str) -> ImageResult:
    """An image whose host has answered a redirect with these lines."""
    fetcher = Fetcher(Guard([LOOPBACK], [ALL_PORTS]), **LIMITS)
    with FaultServer() as server:
        url = server.at("/photo", response(b"", "302 Found", *lines))
        submit_job([url])
        worker = make_worker()
        (claim,) = queue.claim(worker, limit=1)
        queue.record(worker, [Pipeline(fetcher, SimulatedGPU(), check="header", max_pixels=1).process(claim)])
    fetcher.close()
    return ImageResult.objects.get()


def texts(client, image: ImageResult) -> list[str]:
    """The three places that show an image's attempts, the API's text decoded from JSON."""
    api = client.get(f"/api/v1/jobs/{image.job_id}/images/{image.pk}").json()["failed_attempts"][0]
    page = client.get(f"/jobs/{image.job_id}/images/{image.pk}/").text
    admin = client.get(f"/admin/jobs/imageresult/{image.pk}/change/").text
    return [escape("\n".join([api["message"], *api["redirects"]])), page, admin]


BAD = "The URL redirects to an address that cannot be followed: "


@pytest.mark.parametrize(
    ("lines", "code", "reason", "pointed"),
    [
        (["Location: http://10.0.0.1/latest x"], "blocked", "10.0.0.1 is at an address that this service does "
         "not fetch from.", ["http://10.0.0.1/latest%20x"]),
        (["Location: http://169.254.169.254:99/"], "blocked", "169.254.169.254 is at an address",
         ["http://169.254.169.254:99/"]),
        (["Location: javascript:alert(1)"], "blocked", f"{BAD}only http and https URLs are fetched.",
         ["javascript:alert(1)"]),
        (["Location: http://a b/<script>alert(1)</script>"], "bad_redirect", BAD,
         ["http://a b/<script>alert(1)</script>"]),
        (["Location: http://anna:secret@x.example/"], "bad_redirect",
         f"{BAD}the URL contains a user name or a password.", ["http://\u2026@x.example/"]),
        (["Location: http://[::1\x00\u202e"], "bad_redirect", BAD, [r"http://[::1\x00\u202e"]),
        (["Location: /a", "Location: /b"], "bad_redirect", "The URL redirects to different addresses at once.",
         ["/a", "/b"]),
        ([f"Location: http://a..b/{'a' * 60_000}"], "bad_redirect", BAD, [f"http://a..b/{'a' * 2035}\u2026"]),
        ([], "bad_redirect", "The URL redirects without saying where.", []),
    ],
)  # fmt: skip
def test_a_refused_redirect_is_shown_safely_with_the_reason(admin_client, lines, code, reason, pointed):
    image = redirected(*lines)
    assert image.error_code == code
    for text in texts(admin_client, image):
        assert escape(reason) in text
        for where in pointed:
            assert escape(where) in text
        for unsafe in ("<script>alert", "secret", "\0", "\u202e", 'href="http://1', 'href="javascript:', "a" * 3000):
            assert unsafe not in text


def test_where_redirects_led_is_stored_in_few_characters(admin_client):
    redirected(*[f"Location: http://h{n}/{'a' * 6000}" for n in range(10)])
    stored = FailedAttempt.objects.get().redirects
    assert [len(where) for where in stored] == [2048, 2048]
