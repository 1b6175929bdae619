"""How often may a password be guessed, and can guessing lock anybody out?"""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from access.throttles import client_address, client_network

pytestmark = pytest.mark.django_db

HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture(autouse=True)
def _three_failures(settings, clock):
    settings.LOGIN_FAILURES = 3
    settings.LOGIN_WINDOW_SECONDS = 100


@pytest.fixture(autouse=True)
def staff(db) -> User:
    return User.objects.create_user("staff", password="correct horse", is_staff=True)


def by_token(name: str, password: str, address: str = HERE):
    body = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post("/api/token/", body, content_type="application/json")


def by_admin(name: str, password: str, address: str = HERE):
    return Client(REMOTE_ADDR=address).post("/admin/login/", {"username": name, "password": password})


def wrong(sign_in, times: int, name: str = "staff", address: str = HERE) -> list[int]:
    return [sign_in(name, f"guess {number}", address).status_code for number in range(times)]


# Each with its answers to a wrong and to a right password.
ENTRY_POINTS = [
    (by_token, 401, 200),
    (by_admin, 200, 302),
]


@pytest.mark.parametrize(("sign_in", "no", "yes"), ENTRY_POINTS)
def test_after_the_last_failure_allowed_even_the_right_password_waits(clock, sign_in, no, yes):
    assert wrong(sign_in, 3) == [no] * 3
    clock[0] += 40

    response = sign_in("staff", "correct horse")
    assert response.status_code == 429
    assert response["Retry-After"] == "60"
    assert "Too many attempts to sign in with this name have failed; try again in 60 s." in response.text
    assert response["Content-Type"].startswith("application/json" if sign_in is by_token else "text/plain")

    clock[0] += 59
    assert sign_in("staff", "correct horse").status_code == 429
    clock[0] += 1
    assert sign_in("staff", "correct horse").status_code == yes


@pytest.mark.parametrize(("sign_in", "no", "yes"), ENTRY_POINTS)
def test_the_last_attempt_allowed_may_be_the_right_one_and_starts_anew(sign_in, no, yes):
    for _ in range(2):
        assert wrong(sign_in, 2) == [no] * 2
        assert sign_in("staff", "correct horse").status_code == yes


def test_the_right_password_clears_the_names_failures_for_every_address():
    wrong(by_token, 2)
    by_token("staff", "correct horse")
    assert wrong(by_token, 4, address=ELSEWHERE) == [401, 401, 401, 429]


def test_the_doors_count_together():
    wrong(by_token, 2)
    wrong(by_admin, 1)
    assert by_admin("staff", "correct horse").status_code == 429


def test_an_address_is_refused_after_five_times_as_many_whatever_the_names():
    User.objects.create_user("other", password="correct horse")
    assert [by_token(f"name {number}", "x").status_code for number in range(15)] == [401] * 15
    refused = by_token("other", "correct horse")
    assert refused.status_code == 429
    assert "from your address" in refused.text
    assert by_token("other", "correct horse", ELSEWHERE).status_code == 200


def test_signing_in_with_ones_own_password_buys_no_further_guesses():
    User.objects.create_user("mallory", password="correct horse")
    statuses = []
    for number in range(16):
        by_token("mallory", "correct horse")
        statuses.append(by_token(f"victim {number}", "x").status_code)
    assert statuses == [401] * 15 + [429]


def test_a_guesser_elsewhere_locks_a_name_for_strangers_but_not_where_it_signed_in_before():
    assert by_token("staff", "correct horse", HERE).status_code == 200
    wrong(by_token, 4, address=ELSEWHERE)

    assert by_token("staff", "correct horse", ELSEWHERE).status_code == 429
    assert by_token("staff", "correct horse", "203.0.113.5").status_code == 429
    assert by_token("staff", "correct horse", HERE).status_code == 200


def test_a_name_that_does_not_exist_is_counted_like_any_other():
    assert wrong(by_token, 4, name="nobody") == [401, 401, 401, 429]


def test_attempts_at_once_cannot_pass_the_limit_together(monkeypatch):
    """The attempt is counted before the password is looked at, so it does not matter how long that takes."""
    from django.contrib.auth.backends import ModelBackend

    looked_at = []

    def slow(self, request, username=None, password=None, **kwargs):
        looked_at.append(password)
        if len(looked_at) < 6:
            by_token("staff", "x")  # the next one, while this one's password is being looked at

    monkeypatch.setattr(ModelBackend, "authenticate", slow)
    by_token("staff", "x")
    assert len(looked_at) == 3


def test_headers_do_not_make_another_address(rf):
    request = rf.get("/", REMOTE_ADDR=HERE, headers={"X-Forwarded-For": "203.0.113.1"})
    assert client_address(request) == HERE


@pytest.mark.parametrize(
    ("proxies", "heard", "expected"),
    [
        (1, "203.0.113.1", "203.0.113.1"),
        (1, "evil, 203.0.113.1", "203.0.113.1"),
        (2, "evil, 203.0.113.1, 10.0.0.1", "203.0.113.1"),
        (2, "203.0.113.1", HERE),
        (0, "203.0.113.1", HERE),
    ],
)
def test_behind_proxies_of_ours_the_outermost_ones_word_counts(settings, rf, proxies, heard, expected):
    settings.PROXIES = proxies
    assert client_address(rf.get("/", REMOTE_ADDR=HERE, headers={"X-Forwarded-For": heard})) == expected


def test_the_memory_of_a_flood_of_names_is_bounded(settings):
    assert settings.CACHES["default"]["OPTIONS"]["MAX_ENTRIES"] <= 20_000


@pytest.mark.parametrize("name", ["\x00", "é" * 5000, " ", "\ud800"])
def test_no_name_breaks_the_admins_login(name):
    client = Client(raise_request_exception=False)
    data = name.encode(errors="surrogatepass")
    response = client.generic(
        "POST", "/admin/login/", b"username=" + data + b"&password=x", "application/x-www-form-urlencoded"
    )
    assert response.status_code in (200, 400, 429)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:201", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("unknown", "unknown"),
        ("", ""),
        ("[", "["),
    ],
)
def test_a_client_counts_by_its_network_where_it_has_one_to_itself(rf, settings, address, network):
    assert client_network(rf.get("/", REMOTE_ADDR=address)) == network
    settings.PROXIES = 1
    heard = {"X-Forwarded-For": f"203.0.113.9, {address}"}
    assert client_network(rf.get("/", REMOTE_ADDR=HERE, headers=heard)) == network


def test_a_guesser_gains_nothing_from_all_the_addresses_of_a_network(staff):
    statuses = [by_token(f"name-{host}", "wrong", f"2001:db8::{host:x}").status_code for host in range(16)]
    assert statuses == [401] * 15 + [429]
    assert by_token("another", "wrong", "2001:db8:0:1::1").status_code == 401
