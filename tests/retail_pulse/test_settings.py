"""Which values may the environment hold, what are the defaults, and what is refused?"""

from ipaddress import ip_network
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.retail_pulse.settings_tables import DEFAULTS, KEY, NUMBERS


def test_an_empty_environment_gives_every_setting_its_default(read, checkout):
    settings = read()
    assert {name: settings[name] for name in DEFAULTS} == DEFAULTS
    assert settings["RETAIL_PULSE_HOME"] == checkout / ".retail-pulse"


def test_every_name_that_the_settings_read_has_a_default_here(read):
    names = []

    def get_value(name: str, **options: Any) -> Any:
        names.append(name)
        return options["default"]

    with mock.patch("environ.Env.get_value", side_effect=get_value):
        read()
    assert set(names) == {*DEFAULTS, "RETAIL_PULSE_HOME", "SECRET_KEY"}


@pytest.mark.parametrize(("name", "lowest", "highest", "below", "above"), NUMBERS)
def test_a_number_is_accepted_up_to_its_limits_and_refused_beyond(read, name, lowest, highest, below, above):
    for text in (lowest, highest):
        assert read(SECRET_KEY=KEY, **{name: text})[name] == float(text)
    for text in (below, above):
        with pytest.raises(ImproperlyConfigured, match=rf"^{name}={text}: allowed is a .*number.* from .* to "):
            read(SECRET_KEY=KEY, **{name: text})


def test_every_number_has_its_limits_tested():
    numbers = {name for name, value in DEFAULTS.items() if type(value) in (int, float)}
    assert {name for name, *_ in NUMBERS} == numbers


@pytest.mark.parametrize(
    "text", ["", "many", "1.5", "1e3", "+-5", "--5", "1_000", "0x10", "9" * 5000, "\N{FULLWIDTH DIGIT ONE}"]
)
def test_what_is_not_a_whole_number_is_refused(read, text):
    with pytest.raises(ImproperlyConfigured, match=r"^MAX_ATTEMPTS=.*a whole number from 1 to 100\.$"):
        read(SECRET_KEY=KEY, MAX_ATTEMPTS=text)


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "-inf", "1,5", "5s"])
def test_what_is_not_a_number_of_seconds_is_refused(read, text):
    with pytest.raises(ImproperlyConfigured, match=r"^LEASE_SECONDS=.*a number of seconds from 1 to 3600\.$"):
        read(SECRET_KEY=KEY, LEASE_SECONDS=text)


@pytest.mark.parametrize("name", [name for name, value in DEFAULTS.items() if isinstance(value, bool)])
def test_a_switch_is_true_or_false_and_nothing_else(read, name):
    for text, value in {
        "true": True,
        "1": True,
        "YES": True,
        "on": True,
        "False": False,
        "0": False,
        "": False,
    }.items():
        assert read(SECRET_KEY=KEY, **{name: text})[name] is value
    with pytest.raises(ImproperlyConfigured, match=f"^{name}=maybe: allowed is true or false"):
        read(SECRET_KEY=KEY, **{name: "maybe"})


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("ENGINE_AUTOSTART", ["auto", "off"]),
        ("IMAGE_CHECK", ["header", "complete", "decode"]),
        ("KEEP_IMAGES", ["off", "thumbnail", "original"]),
        ("PHOTO_EVIDENCE", ["off", "hash", "header", "look"]),
        ("LOG_LEVEL", ["DEBUG", "INFO", "WARNING", "ERROR"]),
    ],
)
def test_a_choice_is_one_of_those_named(read, name, choices):
    for choice in choices:
        assert read(SECRET_KEY=KEY, **{name: choice})[name] == choice
    with pytest.raises(ImproperlyConfigured, match=f"^{name}=neither: allowed is {' or '.join(choices)}"):
        read(SECRET_KEY=KEY, **{name: "neither"})


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("threads", "jobs.engine.threads.ThreadEngine"),
        ("celery", "jobs.engine.celery.CeleryEngine"),
        ("jobs.engine.celery.CeleryEngine", "jobs.engine.celery.CeleryEngine"),
        ("elsewhere.Engine", "elsewhere.Engine"),
    ],
)
def test_an_engine_is_named_shortly_or_by_its_path(read, name, path):
    assert read(SECRET_KEY=KEY, ENGINE=name)["ENGINE"] == path


@pytest.mark.parametrize("url", ["redis://h:1/2", "rediss://h", "amqp://u:p@h:5672/v", "amqps://h"])
def test_a_broker_is_redis_or_one_that_speaks_amqp(read, url):
    assert read(SECRET_KEY=KEY, BROKER_URL=url)["BROKER_URL"] == url


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "sqs://u:hunter2@h",
        "http://hunter2",
        "redis:hunter2",
        "redis://:hunter2#@h/0",
        "amqp://u:hunter2@h:abc//",
        "redis://:hunter2@h:99999",
    ],
)
def test_another_broker_is_refused_without_being_repeated(read, url):
    with pytest.raises(ImproperlyConfigured, match=r"^BROKER_URL: allowed is redis://") as refused:
        read(SECRET_KEY=KEY, BROKER_URL=url)
    assert "hunter2" not in str(refused.value)


def test_networks_are_read_from_a_list(read):
    networks = read(SECRET_KEY=KEY, FETCH_ALLOW_CIDRS="10.1.2.0/24, fd00::/8,127.0.0.1")["FETCH_ALLOW_CIDRS"]
    assert networks == [ip_network("10.1.2.0/24"), ip_network("fd00::/8"), ip_network("127.0.0.1/32")]


@pytest.mark.parametrize("text", ["10.1.2.3/24", "localhost", "10.0.0.0/8;fd00::/8", "10.0.0.0/33"])
def test_what_is_not_a_network_is_refused(read, text):
    with pytest.raises(ImproperlyConfigured, match=r"^FETCH_ALLOW_CIDRS=.*networks such as 10\.1\.2\.0/24"):
        read(SECRET_KEY=KEY, FETCH_ALLOW_CIDRS=text)


def test_ports_may_be_ranges(read):
    ports = read(SECRET_KEY=KEY, FETCH_ALLOW_PORTS="1, 8000-8002,65535")["FETCH_ALLOW_PORTS"]
    assert ports == [range(1, 2), range(8000, 8003), range(65535, 65536)]


@pytest.mark.parametrize("text", ["", ",", "0", "65536", "90-80", "80-", "-80", "http", "8000-65536"])
def test_what_is_not_a_port_is_refused(read, text):
    with pytest.raises(ImproperlyConfigured, match=r"^FETCH_ALLOW_PORTS=.*port"):
        read(SECRET_KEY=KEY, FETCH_ALLOW_PORTS=text)


def test_lists_are_separated_by_commas(read):
    settings = read(SECRET_KEY=KEY, ALLOWED_HOSTS="a.example, b.example", CSRF_TRUSTED_ORIGINS="https://a.example")
    assert settings["ALLOWED_HOSTS"] == ["a.example", "b.example"]
    assert settings["CSRF_TRUSTED_ORIGINS"] == ["https://a.example"]


def test_without_a_database_url_the_embedded_server_is_used(read):
    assert read(SECRET_KEY=KEY)["DATABASES"]["default"]["ENGINE"] == "retail_pulse.postgres"


def test_a_database_url_means_plain_postgres_with_a_pool(read):
    url = "postgresql://clerk:s%40fe@db.example:6432/shop?sslmode=require&connect_timeout=9"
    database = read(SECRET_KEY=KEY, DATABASE_URL=url, WEB_THREADS="20")["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert [database[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME")] == [
        "clerk", "s@fe", "db.example", 6432, "shop",
    ]  # fmt: skip
    assert database["OPTIONS"]["pool"]["max_size"] == 30
    # Options in the URL take precedence over the defaults.
    assert (database["OPTIONS"]["sslmode"], database["OPTIONS"]["connect_timeout"]) == ("require", 9)
    assert database["OPTIONS"]["tcp_user_timeout"] == 15_000


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("name", "url"),
    [
        *((name, url) for name in ("DATABASE_URL", "DATABASE_DIRECT_URL")
          for url in ("mysql://u:hunter2@h/n", "hunter2", "http://hunter2")),
        ("DATABASE_URL", "postgresql://u:hunter2@h:port/n"),
        ("DATABASE_DIRECT_URL", "postgresql://u:hunter2@h/n?colour=red"),
    ],
)  # fmt: skip
def test_a_url_of_another_database_is_refused_without_repeating_it(read, name, url):
    with pytest.raises(ImproperlyConfigured, match=f"^{name}: allowed is postgresql://") as caught:
        read(SECRET_KEY=KEY, **{name: url})
    assert "hunter2" not in str(caught.value)


def test_the_cache_is_the_processs_own_memory_and_bounded_unless_a_url_names_another(read):
    own = read(SECRET_KEY=KEY)["CACHES"]["default"]
    assert own["BACKEND"].endswith(".LocMemCache")
    assert own["OPTIONS"]["MAX_ENTRIES"] == 20_000
    shared = read(SECRET_KEY=KEY, CACHE_URL="rediscache://:s@cache.example:6379/1")["CACHES"]["default"]
    assert shared["BACKEND"].endswith(".RedisCache")


def test_a_url_of_an_unknown_cache_is_refused_without_repeating_it(read):
    with pytest.raises(ImproperlyConfigured, match=r"^CACHE_URL: allowed is locmemcache://") as caught:
        read(SECRET_KEY=KEY, CACHE_URL="ftp://u:hunter2@h")
    assert "hunter2" not in str(caught.value)


def test_tokens_are_signed_by_a_key_of_their_own_and_one_pinned_algorithm(read):
    jwt = read(SECRET_KEY=KEY)["SIMPLE_JWT"]
    assert jwt["ALGORITHM"] == "HS256"
    assert len(jwt["SIGNING_KEY"]) == 64
    assert KEY not in jwt["SIGNING_KEY"]


def test_the_pool_holds_a_connection_for_every_web_thread_and_two_for_the_engine(read):
    assert read(SECRET_KEY=KEY, WEB_THREADS="256")["DATABASE_POOL_SIZE"] == 266


def test_https_switches_on_what_a_tls_proxy_requires(read):
    names = ["SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS"]
    plain, https = read(SECRET_KEY=KEY), read(SECRET_KEY=KEY, HTTPS="true")
    assert [bool(plain[name]) for name in names] == [False] * 4
    assert [bool(https[name]) for name in names] == [True] * 4
    # A header that any client can send counts only where a proxy is known to set it.
    assert plain["SECURE_PROXY_SSL_HEADER"] is None
    assert https["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")


def test_a_file_named_env_is_read_where_it_exists(read, checkout):
    (checkout / ".env").write_text("MAX_ATTEMPTS=7\nLEASE_SECONDS=12\n")
    settings = read(SECRET_KEY=KEY)
    assert (settings["MAX_ATTEMPTS"], settings["LEASE_SECONDS"]) == (7, 12)


def test_the_environment_takes_precedence_over_the_file(read, checkout):
    (checkout / ".env").write_text("MAX_ATTEMPTS=7\n")
    assert read(SECRET_KEY=KEY, MAX_ATTEMPTS="5")["MAX_ATTEMPTS"] == 5


def test_a_relative_home_becomes_absolute(read, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read(SECRET_KEY=KEY, RETAIL_PULSE_HOME="state")["RETAIL_PULSE_HOME"] == tmp_path / "state"


def test_the_log_is_in_the_home_unless_it_is_absolute_or_none(read, checkout):
    def file_of(**environment: str) -> Any:
        return read(SECRET_KEY=KEY, **environment)["LOGGING"]["handlers"].get("file", {}).get("filename")

    assert file_of() == checkout / ".retail-pulse" / "retail-pulse.log"
    assert file_of(LOG_FILE="/var/log/rp.log") == Path("/var/log/rp.log")
    assert file_of(LOG_FILE="") is None


def test_a_given_key_is_used_and_none_is_made(read, checkout):
    assert read(SECRET_KEY=KEY)["SECRET_KEY"] == KEY
    assert not (checkout / ".retail-pulse").exists()


@pytest.mark.parametrize("key", ["k" * 49, "changeme", f"django-insecure-{KEY}"])
def test_a_short_key_or_a_sample_is_refused_without_repeating_it(read, key):
    with pytest.raises(ImproperlyConfigured, match=r"^SECRET_KEY: allowed is a .* 50 characters") as caught:
        read(SECRET_KEY=key)
    assert key not in str(caught.value)


def test_without_a_key_one_is_made_in_the_home(read, checkout):
    assert read()["SECRET_KEY"] == (checkout / ".retail-pulse" / "secret-key").read_text()


def test_where_no_key_can_be_kept_a_sentence_says_what_to_do(read, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ImproperlyConfigured, match=r"^SECRET_KEY is unset, and none can be kept in .*Set it, or let"):
        read(RETAIL_PULSE_HOME=str(tmp_path / "file" / "home"))


@pytest.mark.parametrize("text", ["0.0.0.0", "127.0.0.1", "::", "::1"])
def test_metrics_are_served_on_an_ip_address(read, text):
    assert read(SECRET_KEY=KEY, METRICS_HOST=text)["METRICS_HOST"] == text


@pytest.mark.parametrize("text", ["", "localhost", "*", "127.0.0.1:9464", "999.1.1.1"])
def test_metrics_are_served_on_nothing_else(read, text):
    with pytest.raises(ImproperlyConfigured, match=r"^METRICS_HOST=.*: allowed is an IP address to listen on"):
        read(SECRET_KEY=KEY, METRICS_HOST=text)


def test_answers_are_counted_where_metrics_are_served(read):
    counting = "retail_pulse.telemetry.answers.CountAnswers"
    assert counting in read(SECRET_KEY=KEY, METRICS_PORT="9464")["MIDDLEWARE"]
    assert counting not in read(SECRET_KEY=KEY)["MIDDLEWARE"]


def test_a_key_from_the_environment_is_told_from_one_that_is_kept(read):
    pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    assert [read(**pod)[name] for name in ("IN_KUBERNETES", "SECRET_KEY_IS_KEPT")] == [True, True]
    assert read(SECRET_KEY="k" * 50)["SECRET_KEY_IS_KEPT"] is False
