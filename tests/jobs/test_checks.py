"""The system checks: settings that must agree, each with its id and what to do about it."""

from ipaddress import ip_network

import pytest
from django.core.checks import ERROR, WARNING
from django.core.checks.registry import registry
from django.core.management import call_command
from django.core.management.base import SystemCheckError


def found(*, deploy=False):
    # Those of others ask the database, or for the schema of the whole API.
    ours = [check for check in registry.get_checks(deploy) if check.__module__ in ("jobs.checks", "access.checks")]
    return [message for check in ours for message in check(app_configs=None, databases=None)]


def ids(*, deploy=False):
    return [message.id for message in found(deploy=deploy)]


@pytest.fixture(autouse=True)
def _defaults(settings):
    """The settings without any environment variables."""
    settings.FETCH_ALLOW_CIDRS = settings.WEBHOOK_ALLOW_CIDRS = []
    settings.GPU_MIN_SECONDS, settings.GPU_MAX_SECONDS = 0.1, 0.4
    settings.BACKOFF_BASE_SECONDS, settings.BACKOFF_MAX_SECONDS = 1.0, 60.0
    settings.WEB_THREADS, settings.DATABASE_POOL_SIZE = 8, 18
    settings.LEASE_ONLY, settings.DATABASE_DIRECT_URL = False, ""
    settings.MAX_IMAGES_PER_JOB, settings.MAX_PENDING_IMAGES = 100, 1000
    settings.JWT_ACCESS_SECONDS, settings.JWT_REFRESH_SECONDS = 900, 86_400
    settings.IN_KUBERNETES = False


def test_the_defaults_raise_nothing():
    assert ids(deploy=True) == []


@pytest.mark.parametrize(("low", "high", "expected"), [(0.4, 0.4, []), (0, 0, []), (0.5, 0.4, ["jobs.E001"])])
def test_gpu_bounds_are_in_order(settings, low, high, expected):
    settings.GPU_MIN_SECONDS, settings.GPU_MAX_SECONDS = low, high
    assert ids() == expected


@pytest.mark.parametrize(
    ("batch", "slots", "expected"),
    [(32, 8, []), (33, 8, ["jobs.W005"]), (128, 128, []), (129, 128, ["jobs.W005"])],
)
def test_batches_can_be_full(settings, batch, slots, expected):
    settings.GPU_BATCH, settings.WORKER_THREADS = batch, slots
    assert ids() == expected


@pytest.mark.parametrize(("base", "longest", "expected"), [(60, 60, []), (60.5, 60, ["jobs.E002"])])
def test_backoff_bounds_are_in_order(settings, base, longest, expected):
    settings.BACKOFF_BASE_SECONDS, settings.BACKOFF_MAX_SECONDS = base, longest
    assert ids() == expected


@pytest.mark.parametrize(("images", "pending", "expected"), [(100, 100, []), (101, 100, ["jobs.E004"])])
def test_the_largest_job_fits_in_the_queue(settings, images, pending, expected):
    settings.MAX_IMAGES_PER_JOB, settings.MAX_PENDING_IMAGES = images, pending
    assert ids() == expected


CELERY = "jobs.engine.celery.CeleryEngine"


@pytest.mark.parametrize(
    ("engine", "url", "expected"),
    [
        (CELERY, "redis://localhost:6379/0", []),
        (CELERY, "amqp://localhost//", []),
        (CELERY, "", ["jobs.E005"]),
        ("jobs.engine.threads.ThreadEngine", "", []),
    ],
)
def test_celery_has_a_broker(settings, engine, url, expected):
    settings.ENGINE, settings.BROKER_URL = engine, url
    assert ids() == expected


@pytest.mark.parametrize(("url", "needed"), [("redis://localhost/0", ["celery", "redis"]), ("amqp://", ["celery"])])
def test_a_missing_extra_is_named(settings, monkeypatch, url, needed):
    settings.ENGINE, settings.BROKER_URL = CELERY, url
    monkeypatch.setattr("jobs.checks.find_spec", lambda package: None)
    assert ids() == ["jobs.E006"] * len(needed)
    assert [message.msg.split()[4].strip(",") for message in found()] == needed
    assert all("pip install 'celery>=5.7'" in message.hint for message in found())


@pytest.mark.parametrize(("access", "refresh", "expected"), [(900, 900, []), (901, 900, ["access.E001"])])
def test_refresh_tokens_outlive_access_tokens(settings, access, refresh, expected):
    settings.JWT_ACCESS_SECONDS, settings.JWT_REFRESH_SECONDS = access, refresh
    assert ids() == expected


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("10.1.2.0/24", []),
        ("fd00::/8", []),
        ("0.0.0.0/0", ["jobs.E003"]),
        ("::/0", ["jobs.E003"]),
        # NAT64, 6to4 and SIIT: the prefix, what holds it, and a part of it.
        ("64:ff9b::/96", ["jobs.E003"]),
        ("64:ff9b::/32", ["jobs.E003"]),
        ("64:ff9b::7f00:0/104", ["jobs.E003"]),
        ("2002::/16", ["jobs.E003"]),
        ("::ffff:0:0:0/96", ["jobs.E003"]),
    ],
)
def test_allowed_networks_are_narrow(settings, network, expected):
    settings.FETCH_ALLOW_CIDRS = [ip_network(network)]
    assert ids() == expected
    settings.FETCH_ALLOW_CIDRS, settings.WEBHOOK_ALLOW_CIDRS = [], [ip_network(network)]
    assert ids() == expected


@pytest.mark.parametrize(
    ("engine", "pool", "expected"),
    [
        # Of eight web threads and of nine that the engine has: ten with Celery.
        ("jobs.engine.threads.ThreadEngine", 17, []),
        ("jobs.engine.threads.ThreadEngine", 16, ["jobs.W001"]),
        (CELERY, 18, []),
        (CELERY, 17, ["jobs.W001"]),
    ],
)
def test_the_pool_has_a_connection_for_every_thread(settings, engine, pool, expected):
    settings.ENGINE, settings.BROKER_URL, settings.DATABASE_POOL_SIZE = engine, "memory://", pool
    assert ids() == expected


@pytest.mark.parametrize(
    ("lease_only", "direct", "expected"),
    [(True, "", []), (False, "postgresql://h/n", []), (True, "postgresql://h/n", ["jobs.W002"])],
)
def test_a_direct_connection_makes_lease_only_needless(settings, lease_only, direct, expected):
    settings.LEASE_ONLY, settings.DATABASE_DIRECT_URL = lease_only, direct
    assert ids() == expected


@pytest.mark.parametrize(
    ("slots", "crashes", "expected"),
    [(64, 4, []), (64, 3, ["jobs.W004"]), (8, 3, []), (8, 2, ["jobs.W004"]), (1024, 6, []), (1024, 5, ["jobs.W004"])],
)
def test_there_are_enough_crashes_to_isolate_a_poison_pill(settings, slots, crashes, expected):
    settings.WORKER_THREADS, settings.MAX_CRASHES = slots, crashes
    assert ids() == expected


@pytest.mark.parametrize("network", ["127.0.0.1/32", "126.0.0.0/7", "::1/128", "169.254.169.254/32", "fe80::1/128"])
def test_local_addresses_get_a_warning_in_deployment_only(settings, network):
    settings.FETCH_ALLOW_CIDRS = [ip_network(network)]
    assert ids() == []
    assert ids(deploy=True) == ["jobs.W003"]
    settings.FETCH_ALLOW_CIDRS, settings.WEBHOOK_ALLOW_CIDRS = [], [ip_network(network)]
    assert ids() == []
    assert ids(deploy=True) == ["jobs.W003"]


def test_private_networks_get_no_warning(settings):
    settings.FETCH_ALLOW_CIDRS = [ip_network("10.0.0.0/8"), ip_network("192.168.1.0/24")]
    assert ids(deploy=True) == []


@pytest.fixture
def _everything_wrong(settings):
    settings.FETCH_ALLOW_CIDRS = [ip_network("0.0.0.0/0")]
    settings.GPU_MIN_SECONDS, settings.GPU_MAX_SECONDS = 5, 1
    settings.BACKOFF_BASE_SECONDS, settings.BACKOFF_MAX_SECONDS = 5, 1
    settings.WEB_THREADS, settings.DATABASE_POOL_SIZE = 8, 3
    settings.LEASE_ONLY, settings.DATABASE_DIRECT_URL = True, "postgresql://h/n"
    settings.MAX_IMAGES_PER_JOB, settings.MAX_PENDING_IMAGES = 2, 1
    settings.JWT_ACCESS_SECONDS, settings.JWT_REFRESH_SECONDS = 2, 1
    settings.MAX_CRASHES = 1


@pytest.mark.usefixtures("_everything_wrong")
def test_each_finding_has_an_id_of_its_own_a_level_and_a_hint():
    messages = found(deploy=True)
    assert sorted(message.id for message in messages) == [
        "access.E001", "jobs.E001", "jobs.E002", "jobs.E003", "jobs.E004", "jobs.W001", "jobs.W002", "jobs.W003",
        "jobs.W004",
    ]  # fmt: skip
    for message in messages:
        assert message.hint
        assert message.level == (ERROR if ".E" in message.id else WARNING)


@pytest.mark.django_db
@pytest.mark.usefixtures("_everything_wrong")
def test_an_error_stops_every_command():
    with pytest.raises(SystemCheckError, match=r"jobs\.E001"):
        call_command("check")


LOCAL, SHARED = "django.core.cache.backends.locmem.LocMemCache", "django.core.cache.backends.redis.RedisCache"


@pytest.mark.parametrize(
    ("in_kubernetes", "kept", "cache", "expected"),
    [
        (False, True, LOCAL, []),
        (True, False, SHARED, []),
        (True, True, SHARED, ["access.E002"]),
        (True, False, LOCAL, ["access.W001"]),
    ],
)
def test_pods_share_their_key_and_their_cache(settings, in_kubernetes, kept, cache, expected):
    settings.IN_KUBERNETES, settings.SECRET_KEY_IS_KEPT = in_kubernetes, kept
    settings.CACHES = {"default": {"BACKEND": cache}}
    assert ids() == expected
