"""Which addresses of other websites, of mail servers and of the service itself does the environment take?"""

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.retail_pulse.settings_tables import KEY


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "shop.example",
        "https://*.shop.example",
        "https://shop.example/",
        "https://Shop.example",
        "ftp://shop.example",
        "https://shop.example:443",
        "http://shop.example:80",
        "https://shop.example:0",
        "https://shop.example:65536",
        "https://anna@shop.example",
        "https://shop.example https://other.example",
        "null",
    ],
)
def test_what_is_no_origin_is_opened_to_no_page(read, text):
    with pytest.raises(ImproperlyConfigured, match=r"^CORS_ORIGINS=.*such as https://shop\.example"):
        read(SECRET_KEY=KEY, CORS_ORIGINS=f"https://good.example, {text}")


def test_named_origins_are_answered_before_anything_can_refuse_a_request(read):
    text = "https://shop.example, http://localhost:3000,https://[::1]:65535"
    settings = read(SECRET_KEY=KEY, CORS_ORIGINS=text, METRICS_PORT="9000")
    assert settings["CORS_ALLOWED_ORIGINS"] == [part.strip() for part in text.split(",")]
    assert not settings["CORS_ALLOW_CREDENTIALS"]
    assert settings["MIDDLEWARE"][:5] == [
        "retail_pulse.request_ids.RequestIds",
        "retail_pulse.health.Probes",
        "retail_pulse.telemetry.answers.CountAnswers",
        "corsheaders.middleware.CorsMiddleware",
        "api.middleware.Answers",
    ]
    assert "corsheaders.middleware.CorsMiddleware" not in read(SECRET_KEY=KEY)["MIDDLEWARE"]


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("smtp://mail.example", {"host": "mail.example", "port": 25, "username": "", "use_tls": False}),
        ("smtp://mail.example:2525", {"port": 2525}),
        ("smtp+tls://pulse:a%2Fb%40c@mail.example", {"port": 587, "username": "pulse", "password": "a/b@c"}),
        ("smtp+tls://mail.example", {"port": 587, "use_tls": True, "use_ssl": False}),
        ("smtp+ssl://mail.example", {"port": 465, "use_ssl": True, "use_tls": False}),
    ],
)
def test_a_mail_server_is_named_by_a_url(read, url, options):
    settings = read(SECRET_KEY=KEY, EMAIL_URL=url)
    found = settings["MAILERS"]["default"]
    assert found["BACKEND"].endswith("smtp.EmailBackend")
    assert {name: found["OPTIONS"][name] for name in options} == options
    assert found["OPTIONS"]["timeout"] == 10


def test_without_one_mail_goes_nowhere(read):
    assert read(SECRET_KEY=KEY)["MAILERS"] == {"default": {"BACKEND": "access.mail.Nowhere"}}


@pytest.mark.parametrize(
    "url",
    [
        "mail.example",
        "smtp://",
        "smtp:///path",
        "smtps://pulse:secret@mail.example",
        "http://pulse:secret@mail.example",
        "smtp://pulse:secret@mail.example:99999",
        "smtp://pulse:secret@mail.example:x",
        "smtp://pulse:secret@[mail.example",
        "filemail:///tmp",
    ],
)
def test_a_wrong_mail_server_is_refused_without_its_password(read, url):
    with pytest.raises(ImproperlyConfigured, match=r"^EMAIL_URL: allowed is smtp://") as refusal:
        read(SECRET_KEY=KEY, EMAIL_URL=url)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("address", ["", "nobody", "a@", "a@b.example\nBcc: c@d.example", "Pulse <nobody>"])
def test_mails_are_from_an_address(read, address):
    assert read(SECRET_KEY=KEY, DEFAULT_FROM_EMAIL="Pulse <a@b.example>")["DEFAULT_FROM_EMAIL"] == "Pulse <a@b.example>"
    with pytest.raises(ImproperlyConfigured, match=r"^DEFAULT_FROM_EMAIL="):
        read(SECRET_KEY=KEY, DEFAULT_FROM_EMAIL=address)


@pytest.mark.parametrize("url", ["https://pulse.example", "http://127.0.0.1:8000/", "https://[::1]:8443"])
def test_people_reach_the_service_at_a_scheme_and_a_host(read, url):
    assert read(SECRET_KEY=KEY, PUBLIC_URL=url)["PUBLIC_URL"] == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "pulse.example",
        "ftp://pulse.example",
        "https://",
        "https://pulse.example/path",
        "https://pulse.example?x",
        "https://pulse.example#x",
        "https://a:b@pulse.example",
        "https://pulse.example:0",
        "https://pulse.example:99999",
        "https://pulse .example",
        "https://[::1",
        "javascript:alert(1)",
    ],
)
def test_where_people_cannot_reach_the_service_is_refused(read, url):
    with pytest.raises(ImproperlyConfigured, match=r"^PUBLIC_URL="):
        read(SECRET_KEY=KEY, PUBLIC_URL=url)
