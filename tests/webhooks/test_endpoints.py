"""Which endpoints can be made, and what becomes of them?"""

import base64

import pytest

from tests.webhooks.conftest import URL, make_endpoint
from webhooks import endpoints
from webhooks.kinds import SUBSCRIBABLE
from webhooks.models import Endpoint
from webhooks.models.endpoint import LONGEST_NAME, MOST_ENDPOINTS

pytestmark = pytest.mark.django_db


def test_a_secret_has_32_bytes_and_is_another_one_each_time(ann):
    first, second = make_endpoint(ann).secret, make_endpoint(ann).secret
    assert first.startswith("whsec_")
    assert len(base64.b64decode(first.removeprefix("whsec_"))) == 32
    assert first != second


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://receiver.test/", "http"),
        ("receiver.test/hook", "does not begin with"),
        ("https://ann:secret@receiver.test/", "user name or a password"),
        ("https://receiver.test:8443/", "Port 8443 is not one that this service sends to"),
        ("http://127.0.0.1/hook", "does not send to"),
        ("http://169.254.169.254/latest", "does not send to"),
        ("http://[::1]/", "does not send to"),
        ("http://10.0.0.1/", "does not send to"),
        ("http://[::ffff:127.0.0.1]/", "does not send to"),
        ("https://receiver.test/" + "x" * 2048, "long"),
    ],
)
def test_an_address_that_nothing_could_be_sent_to_is_refused_at_once(ann, url, says):
    with pytest.raises(endpoints.Refused, match=says) as refused:
        make_endpoint(ann, url)
    assert refused.value.field == "url"
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize("events", [[], ["job.finished"], ["job.ended", "webhook.test"]])
def test_only_known_events_can_be_asked_for(ann, events):
    with pytest.raises(endpoints.Refused, match=r"job\.ended"):
        make_endpoint(ann, events=events)


def test_events_are_kept_once_and_in_one_order(ann):
    made = make_endpoint(ann, events=["job.ended", "job.started", "job.ended"])
    assert made.events == ["job.started", "job.ended"]


def test_a_user_has_so_many_endpoints_and_others_have_their_own(ann, ben):
    for _ in range(MOST_ENDPOINTS):
        made = make_endpoint(ann)
    with pytest.raises(endpoints.TooManyEndpoints):
        make_endpoint(ann)
    endpoints.delete(made)
    make_endpoint(ann)
    make_endpoint(ben)


def test_those_of_single_jobs_do_not_count(ann):
    for number in range(MOST_ENDPOINTS):
        endpoints.add_callback(number, ann, URL)
    make_endpoint(ann)


@pytest.mark.parametrize(("length", "fits"), [(LONGEST_NAME, True), (LONGEST_NAME + 1, False)])
def test_a_name_has_a_limit(ann, length, fits):
    if fits:
        assert make_endpoint(ann, name="x" * length).name
        return
    with pytest.raises(endpoints.Refused):
        make_endpoint(ann, name="x" * length)


def test_what_is_changed_is_checked_and_only_that_is_changed(ann):
    made = make_endpoint(ann, events=["job.ended"])
    since = made.asks_since
    endpoints.change(made, url="https://other.test/hook#part", name=" till ")
    assert (made.url, made.name, made.events, made.asks_since) == (
        "https://other.test/hook",
        "till",
        ["job.ended"],
        since,
    )
    endpoints.change(made, events=SUBSCRIBABLE)
    assert made.asks_since > since
    with pytest.raises(endpoints.Refused):
        endpoints.change(made, url="http://127.0.0.1/")


def test_what_a_person_disables_and_enables_has_nothing_to_replay_but_what_failed(ann):
    made = make_endpoint(ann)
    assert endpoints.enable(made) is None
    endpoints.disable(made)
    disabled_at = made.disabled_at
    assert endpoints.enable(made) == disabled_at
    assert (made.disabled_for, made.disabled_at) == ("", None)


def test_a_deleted_endpoint_is_gone_with_its_secrets(ann):
    made = make_endpoint(ann)
    endpoints.delete(made)
    assert not Endpoint.objects.exists()
    assert Endpoint.with_deleted.get().secret == ""
    with pytest.raises(Endpoint.DoesNotExist):
        endpoints.rotate(made)
