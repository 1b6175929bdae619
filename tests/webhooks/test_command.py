"""Does `manage.py webhook` do what its help says?"""

import io

import pytest
from django.core.management import CommandError, call_command

from tests.webhooks.conftest import URL, make_endpoint, send_due
from webhooks import endpoints
from webhooks.models import Delivery, DeliveryState, Endpoint

pytestmark = pytest.mark.django_db


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    call_command("webhook", *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_an_endpoint_is_made_and_its_secret_shown_once(ann):
    secret, says = run("add", URL, "--user", "ann", "--events", "job.ended,image.failed", "--name", "till")
    made = Endpoint.objects.get()
    assert (made.owner, made.events, made.name) == (ann, ["job.ended", "image.failed"], "till")
    assert secret.strip() == made.secret
    assert "shown this once" in says
    listed, _ = run("list")
    assert made.secret not in listed
    assert f"{made.pk}\tann\town jobs\tenabled\tjob.ended,image.failed\t{URL}\ttill" in listed


def test_a_list_may_be_of_one_user(ann, ben):
    make_endpoint(ann, name="of ann")
    make_endpoint(ben, name="of ben")
    assert "of ben" not in run("list", "--user", "ann")[0]
    assert len(run("list", "--lines", 1)[0].splitlines()) == 1


def test_a_test_is_sent_and_is_in_the_log(receiver, ann):
    made = make_endpoint(ann, f"{receiver.url}/hook")
    receiver.answer("/hook", (500, {}, b"out of order"))
    run("test", made.pk)
    send_due()
    log, _ = run("log", made.pk)
    assert "attempt 1\twebhook.test" in log
    assert "500" in log
    assert "out of order" in log


def test_the_secret_is_changed(ann):
    made = make_endpoint(ann)
    secret, _ = run("rotate", made.pk)
    assert secret.strip() == Endpoint.objects.get().secret != made.secret


def test_one_is_disabled_enabled_and_what_failed_is_replayed(receiver, ann):
    made = make_endpoint(ann, f"{receiver.url}/hook")
    delivery = endpoints.send_test(made)
    run("disable", made.pk)
    Delivery.objects.update(state=DeliveryState.FAILED, ended_at=Endpoint.objects.get().disabled_at)
    says, _ = run("enable", made.pk)
    command = says.strip().splitlines()[-1].partition("webhook ")[2]
    assert run(*command.split())[0] == "1 delivery is sent again.\n"
    send_due()
    run("replay", made.pk, "--delivery", delivery.pk)
    send_due()
    assert receiver.ids == [delivery.event.uid] * 2
    run("delete", made.pk)
    assert run("list")[0] == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["add", "http://127.0.0.1/"], "does not send to"),
        (["add", URL, "--events", "job.finished"], "job.started, job.progress"),
        (["add", URL, "--user", "nobody-knows"], "There is no user 'nobody-knows'"),
        (["add", URL, "--all-jobs"], "may read all jobs"),
        (["test", "77"], "There is no endpoint 77"),
        (["replay", "77"], "one of the arguments --since --delivery is required"),
        (["log", "77", "--lines", "0"], "from 1 to 10,000"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(arguments, says):
    with pytest.raises(CommandError, match=says):
        run(*arguments)


def test_a_replay_needs_a_time_and_an_endpoint_that_is_enabled(ann):
    made = make_endpoint(ann)
    with pytest.raises(CommandError, match="allowed is a time in UTC"):
        run("replay", made.pk, "--since", "yesterday")
    with pytest.raises(CommandError, match="has no delivery 5"):
        run("replay", made.pk, "--delivery", 5)
    endpoints.disable(made)
    with pytest.raises(CommandError, match="enable it first"):
        run("replay", made.pk, "--since", "2026-03-01T12:00")
    with pytest.raises(CommandError, match="enable it first"):
        run("test", made.pk)
