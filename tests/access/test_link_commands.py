"""Invitations and links from the command line."""

import io
from urllib.parse import urlsplit

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import CommandError, call_command

from access.models import Team
from access.roles import RoleName, role_of

pytestmark = pytest.mark.django_db
BASE = ("--base-url", "https://pulse.example")


def run(*arguments: str) -> tuple[str, str]:
    """What the command printed on stdout and on stderr."""
    out, err = io.StringIO(), io.StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_an_invitation_prints_the_link_alone_on_standard_output_and_it_works(client):
    Team.objects.create(name="North")
    out, err = run("invite", "bela", "--role", "operator", "--team", "North", *BASE)
    link = urlsplit(out.strip())
    assert (link.scheme, link.netloc) == ("https", "pulse.example")
    assert "once, within 3 days" in err
    assert link.path.split("/")[3] not in err
    user = User.objects.get(username="bela")
    assert (user.has_usable_password(), role_of(user)) == (False, RoleName.OPERATOR)
    assert [team.name for team in user.teams.all()] == ["North"]
    lines = list(LogEntry.objects.order_by("pk").values_list("object_repr", "change_message"))
    assert lines == [
        ("bela", "Invited on the command line."),
        ("bela", "A link to set a password was made on the command line."),
    ]
    form = client.get(link.path)["Location"]
    assert client.post(form, {"new_password1": "battery staple", "new_password2": "battery staple"}).status_code == 302


def test_a_link_for_a_forgotten_password_is_printed_and_works(client, settings):
    User.objects.create_user("bela", password="correct horse")
    settings.PUBLIC_URL = "https://pulse.example"
    out, _ = run("reset_link", "bela")
    assert out.startswith("https://pulse.example/welcome/")
    assert client.get(urlsplit(out.strip()).path).status_code == 302


def test_it_is_mailed_too_where_mail_goes(settings):
    settings.EMAIL_URL = "smtp://mail.example"
    out, err = run("invite", "bela", "--email", "bela@shop.example", *BASE)
    assert "It was mailed to bela@shop.example." in err
    assert out.strip() in mail.outbox[0].body


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["invite", "anna", *BASE], "a user of this name already"),
        (["invite", "ANNA", *BASE], "a user of this name already"),
        (["invite", "", *BASE], "required"),
        (["invite", "a b", *BASE], "valid username"),
        (["invite", "bela", "--email", "nobody", *BASE], "valid email"),
        (["invite", "bela", "--team", "North", *BASE], "no team 'North'"),
        (["invite", "bela", "--role", "king", *BASE], "invalid choice"),
        (["invite", "bela"], "--base-url"),
        (["invite", "bela", "--base-url", "pulse.example"], "--base-url"),
        (["invite", "bela", "--base-url", "https://pulse.example/path"], "--base-url"),
        (["invite", "bela", "--base-url", "https://a:b@pulse.example"], "--base-url"),
        (["invite", "bela", "--base-url", "javascript:alert(1)"], "--base-url"),
        (["reset_link", "nobody", *BASE], "no user 'nobody'"),
        (["reset_link", "gone", *BASE], "'gone' is deactivated"),
        (["reset_link", "anna"], "--base-url"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence_and_leaves_nothing(arguments, words):
    User.objects.create_user("anna")
    User.objects.create_user("gone", is_active=False)
    with pytest.raises(CommandError, match=words):
        run(*arguments)
    assert User.objects.count() == 2


def test_a_full_team_makes_no_user(monkeypatch):
    monkeypatch.setattr("access.models.team.MOST_MEMBERS", 0)
    Team.objects.create(name="North")
    with pytest.raises(CommandError, match="at most 0 members"):
        run("invite", "bela", "--team", "North", *BASE)
    assert not User.objects.exists()
