"""Making and ending keys from the command line."""

import io

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from access.models import ApiKey
from tests.access.conftest import WithHeaders, bearer

pytestmark = pytest.mark.django_db


def create(*arguments: str) -> tuple[str, str]:
    """What the command printed on stdout and on stderr."""
    out, err = io.StringIO(), io.StringIO()
    call_command("create_api_key", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_key_alone_is_on_standard_output_and_works():
    out, err = create("till", "--scope", "submit,read")

    assert out.endswith("\n")
    assert WithHeaders(**bearer(out.strip())).visits().status_code == 200
    key = ApiKey.objects.get()
    assert key.prefix in err
    assert out.split("_")[2].strip() not in err
    assert (key.name, key.scopes, key.expires_at) == ("till", ["read", "submit"], None)


def test_without_a_user_the_key_has_its_own_that_nobody_can_sign_in_as():
    create("till", "--scope", "read")

    user = ApiKey.objects.get().user
    assert user.username == "till"
    assert not user.has_usable_password()
    assert not user.is_staff


def test_with_a_user_the_key_is_theirs(person):
    create("till", "--scope", "read", "--user", "person", "--expires-days", "30")

    key = ApiKey.objects.get()
    assert key.user == person
    assert key.expires_at is not None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["till", "--scope", "write"], "knows submit, read, manage and stores, .*not 'write'"),
        (["till", "--scope", ""], "knows submit, read, manage and stores"),
        (["till", "--scope", "submit,"], "knows submit, read, manage and stores"),
        (["", "--scope", "read"], "1 to 100 printable"),
        (["x" * 101, "--scope", "read"], "1 to 100 printable"),
        (["a\nb", "--scope", "read"], "1 to 100 printable"),
        (["till", "--scope", "read", "--user", "nobody"], "no user 'nobody'"),
        (["till", "--scope", "read", "--user", "gone"], "'gone' is deactivated"),
        (["gone", "--scope", "read"], "There is a user 'gone' already"),
        (["till", "--scope", "read", "--expires-days", "0"], "from 1 to 3,650"),
        (["till", "--scope", "read", "--expires-days", "3651"], "from 1 to 3,650"),
        (["till"], "--scope"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(arguments, words):
    User.objects.create_user("gone", is_active=False)

    with pytest.raises(CommandError, match=words):
        create(*arguments)
    assert not ApiKey.objects.exists()
    assert User.objects.count() == 1


@pytest.mark.parametrize("days", ["1", "3650"])
def test_the_shortest_and_the_longest_life(days):
    assert create("till", "--scope", "read", "--expires-days", days)


def test_a_revoked_key_opens_nothing():
    text = create("till", "--scope", "read")[0].strip()
    out = io.StringIO()
    call_command("revoke_api_key", text.split("_")[1], stdout=out)

    assert "till" in out.getvalue()
    assert WithHeaders(**bearer(text)).visits().status_code == 401
    with pytest.raises(CommandError, match=r"revoked on 20.* already"):
        call_command("revoke_api_key", text.split("_")[1])


@pytest.mark.parametrize("prefix", ["0123456789ab", "", "%", "x" * 1000])
def test_an_unknown_prefix_is_refused(prefix):
    create("till", "--scope", "read")
    with pytest.raises(CommandError, match="no API key with the prefix"):
        call_command("revoke_api_key", prefix)
    assert ApiKey.objects.get().revoked_at is None
