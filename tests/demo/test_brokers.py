"""What is said where no broker is installed, and does one end with everything it has started?"""

import pytest

from demo.brokers import BrokerMissing, RabbitMQ, Redis, some_broker


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr("demo.brokers.shutil.which", lambda program, path=None: None)


def test_without_any_broker_the_demo_says_how_to_get_one(nothing_installed):
    with pytest.raises(BrokerMissing, match="on Debian: apt-get install redis-server"), some_broker():
        pass


@pytest.mark.parametrize(("kind", "package"), [(Redis, "redis-server"), (RabbitMQ, "rabbitmq-server")])
def test_a_missing_broker_is_named_with_its_package(nothing_installed, kind, package):
    with pytest.raises(BrokerMissing, match=f"^{package} is not installed; on Debian: apt-get install {package}$"):
        kind.find()


def test_a_redis_that_was_killed_starts_again_on_its_port_and_ends_with_its_block(redis, tmp_path):
    with Redis(tmp_path / "redis") as server:
        port = server.port
        server.kill()
        assert server.ask(b"PING") == b""
        server.start()
        assert (server.ask(b"PING"), server.port) == (b"+PONG\r\n", port)
    assert server.ask(b"PING") == b""
