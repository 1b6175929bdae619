"""Can an endpoint make this service reach what only it can reach?"""

import socket

import pytest

from jobs import errors
from jobs.imaging.guard import Guard
from jobs.imaging.post import Poster
from jobs.imaging.resolver import Resolver
from tests.webhooks.conftest import line, make_endpoint, send_due
from webhooks import endpoints
from webhooks.models import Endpoint
from webhooks.sender import Sender

EVERY_PORT = [range(1, 65536)]


@pytest.fixture
def canary():
    """A port on loopback, and how often somebody has connected to it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)

        def connects():
            try:
                server.accept()[0].close()
            except BlockingIOError:
                return 0
            return 1

        yield server.getsockname()[1], connects


def resolving_to(*addresses):
    def look_up(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return Resolver(look_up)


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["93.184.215.14", "127.0.0.1"]]
)
def test_a_name_at_a_private_address_is_refused_without_a_connection(canary, addresses):
    port, connects = canary
    poster = Poster(Guard((), EVERY_PORT), deadline_seconds=5, resolver=resolving_to(*addresses))
    with pytest.raises(errors.Blocked):
        poster.post(f"http://receiver.test:{port}/", {}, b"{}")
    poster.close()
    assert connects() == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1"])
def test_an_address_of_this_machine_is_refused_however_it_is_written(canary, host):
    port, connects = canary
    poster = Poster(Guard((), EVERY_PORT), deadline_seconds=5)
    with pytest.raises((errors.Blocked, errors.InvalidURL, errors.DNSNotFound)):
        poster.post(f"http://{host}:{port}/", {}, b"{}")
    poster.close()
    assert connects() == 0


@pytest.mark.django_db
def test_what_images_are_fetched_from_may_not_be_told_for_that(canary, settings, ann):
    port, connects = canary
    assert settings.FETCH_ALLOW_CIDRS
    settings.WEBHOOK_ALLOW_PORTS = EVERY_PORT
    delivery = endpoints.send_test(make_endpoint(ann))
    Endpoint.objects.update(url=f"http://127.0.0.1:{port}/")
    send_due()
    assert line(delivery).error_code == "blocked"
    assert connects() == 0


@pytest.mark.django_db
def test_a_redirect_to_the_inside_is_not_followed(receiver, canary, ann):
    port, connects = canary
    receiver.answer("/hook", (307, {"Location": f"http://127.0.0.1:{port}/"}, b""))
    delivery = endpoints.send_test(make_endpoint(ann, f"{receiver.url}/hook"))
    send_due()
    assert line(delivery).status == 307
    assert connects() == 0


@pytest.mark.django_db
def test_a_request_that_hangs_ends_in_time(receiver, settings, ann):
    settings.WEBHOOK_SECONDS = 0.3
    delivery = endpoints.send_test(make_endpoint(ann, f"{receiver.url}/hang"))
    send_due(Sender(1))
    receiver.release()
    assert line(delivery).error_code == "deadline"
    assert line(delivery).error_message == "There was no answer within 0.3 s."
