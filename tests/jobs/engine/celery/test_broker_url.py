"""Is what is wrong with a BROKER_URL named with a cure, and is the work done all the same?"""

import re

import pytest

from jobs.engine import publisher
from jobs.engine.broker_errors import describe
from jobs.engine.celery_app import QUEUE, make_app
from jobs.engine.meter import Meter
from proofs.world.authority import Authority
from tests.jobs.engine.celery.engines import CELERY, on_redis, one
from tests.jobs.engine.test_contract import finished
from tests.jobs.engine.tls_relay import TLSRelay
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def cures(start_engine, images, caplog, url, settings):
    """What the log says to do about a broker at this address, with which the work must be done all the same."""
    settings.BROKER_URL = url
    engine = start_engine(CELERY)
    assert finished(one(images)).status == "completed"
    wait_for(lambda: engine.broker == "away")
    assert engine.shifts == {}
    lines = [record for record in caplog.records if record.getMessage() == "broker not available"]
    assert not any("hunter2" in str(vars(line)) for line in lines)
    return {line.cure for line in lines}


@pytest.mark.parametrize("url", ["redis://:hunter2@127.0.0.1:9/0", "amqp://guest:hunter2@127.0.0.1:9//"])
def test_a_broker_that_is_nowhere_is_named_with_a_cure(start_engine, images, unthrottled, caplog, settings, url):
    assert cures(start_engine, images, caplog, url, settings) == {"Is it running, and is BROKER_URL right?"}


@on_redis
def test_the_end_of_one_engine_is_not_that_of_another(broker, engine, start_engine):
    other = start_engine(CELERY)
    wait_for(lambda: other._is_consuming)
    other.stop()
    assert not other._consumer
    # Nor is it that of the process, which `celery control shutdown` would end.
    assert engine._consumer._thread.is_alive()


def test_a_wrong_password_is_named_with_a_cure(broker, start_engine, images, unthrottled, caplog, settings):
    place = broker.url.rpartition("@")[2].removeprefix("redis://")
    url = f"{'redis' if 'redis' in broker.url else 'amqp'}://guest:hunter2@{place}"
    assert "Check name and password in BROKER_URL." in cures(start_engine, images, caplog, url, settings)


@on_redis
@pytest.mark.parametrize(
    ("command", "repaired", "user", "cure"),
    [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "", "Give the broker more memory or disk."),
        (f"SET {QUEUE} text", f"DEL {QUEUE}", "", "Delete the key retail_pulse: it is no queue."),
        ("ACL SETUSER guest on >x", "ACL DELUSER guest", "guest:x@", "Give the broker's user the rights to"),
        ("ACL SETUSER default >x resetpass >x", "", "", "Check name and password in BROKER_URL."),
        ("REPLICAOF 127.0.0.1 9", "REPLICAOF NO ONE", "", "Name the primary in BROKER_URL: this is a replica."),
    ],
)
def test_what_a_redis_refuses_is_named_with_a_cure(broker, command, repaired, user, cure):
    url = broker.server.url.replace("://", f"://{user}")
    looked = []
    publisher_ = publisher.Publisher(make_app(url, finish_at_once), lambda *found: looked.append(found), Meter())
    try:
        assert broker.server.ask(command.encode()) == b"+OK\r\n"
        # It sends a message, though there is no work.
        publisher_._must_prove = True
        publisher_.start()
        wait_for(lambda: looked)
    finally:
        publisher_.stop()
        broker.server.ask((repaired or "AUTH x\r\nACL SETUSER default nopass").encode())
    assert describe(looked[0][1], url)["cure"].startswith(cure)


def finish_at_once():
    """A task, for whoever sends it only."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def over_tls(url, port):
    """This address by way of a TLS server on that port."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}s://{re.sub(r':[0-9]+/', f':{port}/', rest)}"


def test_over_tls_a_broker_is_used_as_without(broker, start_engine, images, authority, settings, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with TLSRelay(authority.server_context("127.0.0.1"), broker.server.port) as relay:
        settings.BROKER_URL = over_tls(broker.url, relay.port)
        engine = start_engine(CELERY)
        wait_for(lambda: engine._is_consuming)
        assert finished(one(images)).status == "completed"
        wait_for(lambda: engine.shifts)
        engine.stop()


@pytest.mark.parametrize(("host", "is_trusted"), [("127.0.0.1", False), ("another.example", True)])
def test_a_broker_with_another_certificate_is_told_nothing(
    broker, start_engine, images, unthrottled, caplog, authority, settings, monkeypatch, host, is_trusted
):
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with TLSRelay(authority.server_context(host), broker.server.port) as relay:
        found = cures(start_engine, images, caplog, over_tls(broker.url, relay.port), settings)
        assert found == {"Name the authority that signed the broker's certificate in SSL_CERT_FILE."}
        assert relay.relayed == 0


@pytest.mark.parametrize("kind", ["rabbitmq"])
def test_a_missing_right_is_named_with_a_cure(broker, start_engine, images, unthrottled, caplog, settings):
    url = broker.url.replace("guest:guest", "reader:reader")
    found = cures(start_engine, images, caplog, url, settings)
    assert "Give the broker's user the rights to configure, write and read." in found


@pytest.mark.parametrize("kind", ["rabbitmq"])
def test_a_queue_of_another_kind_is_named_with_a_cure(broker, start_engine, images, unthrottled, caplog, settings):
    broker.flush()
    with broker._connection() as connection:
        connection.default_channel.queue_declare(QUEUE, durable=False, auto_delete=False)
    try:
        found = cures(start_engine, images, caplog, broker.url, settings)
        assert "Delete the queue retail_pulse: it was declared with other arguments." in found
    finally:
        broker.flush()
