"""A broker behind a proxy, for a service on ENGINE=celery: what can happen to it, and what waits in it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kombu import Connection

from demo.brokers import Broker, BrokerMissing, RabbitMQ, Redis
from jobs.engine.celery_app import QUEUE, TASK
from proofs.report import CannotProve
from proofs.world.proxy import Proxy

KINDS = {"redis": Redis, "rabbitmq": RabbitMQ}
# For how long a broker stays without memory.
ALARM_SECONDS = 6.0


class TriedBroker:
    """A broker that runs; between the `with` statement's ends, the service reaches it through `proxy`."""

    def __init__(self, server: Broker) -> None:
        self.server = server
        self.proxy = Proxy(server.port)

    def __enter__(self) -> Self:
        self.proxy.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.proxy.__exit__(kind, error, trace)

    @property
    def url(self) -> str:
        return self.server.url.replace(f":{self.server.port}/", f":{self.proxy.port}/")

    @property
    def settings(self) -> dict[str, str]:
        """For the service's processes."""
        return {"ENGINE": "celery", "BROKER_URL": self.url}

    def cut(self) -> None:
        """Break every connection."""
        self.proxy.reset_all()

    def flush(self) -> None:
        """Lose every message, and all that the broker knows of its queue."""
        if isinstance(self.server, Redis):
            self.server.ask(b"FLUSHALL")
        else:
            with self._connection() as connection:
                channel: Any = connection.default_channel
                channel.queue_delete(QUEUE)

    def alarm(self) -> None:
        """Have no memory left for ALARM_SECONDS."""
        redis, rabbitmq = self._as(Redis), self._as(RabbitMQ)
        if redis:
            redis.ask(b"CONFIG SET maxmemory 1")
        if rabbitmq:
            rabbitmq.control("set_vm_memory_high_watermark", "absolute", "1")
        time.sleep(ALARM_SECONDS)
        if redis:
            redis.ask(b"CONFIG SET maxmemory 0")
        if rabbitmq:
            rabbitmq.control("set_vm_memory_high_watermark", "0.6")

    def waiting(self) -> int:
        """How many messages wait; 0 where there is no queue."""
        with self._connection() as connection:
            channel: Any = connection.default_channel
            try:
                return int(channel.queue_declare(QUEUE, passive=True).message_count)
            except connection.channel_errors:
                return 0

    def send(self, number: int, **headers: Any) -> None:
        """Send so many messages that nobody asked for, two under each id; or with `headers` of one's own."""
        with self._connection() as connection, connection.Producer() as producer:
            for each in range(number):
                name = f"stale-{each // 2}"
                producer.publish(
                    [[], {}, {}],
                    routing_key=QUEUE,
                    exchange="",
                    serializer="json",
                    delivery_mode=1,
                    headers=headers or {"lang": "py", "task": TASK, "id": name, "root_id": name},
                    correlation_id=name,
                )

    def take(self) -> dict[str, Any]:
        """The headers of a message that waits, which is taken away."""
        with self._connection() as connection:
            channel: Any = connection.default_channel
            message = channel.basic_get(QUEUE, no_ack=True)
            return dict(channel.message_to_python(message).headers)

    def _as[B](self, kind: type[B]) -> B | None:
        return self.server if isinstance(self.server, kind) else None

    def _connection(self) -> Connection:
        return Connection(self.server.url, connect_timeout=2)


@contextmanager
def tried_broker(kind: str, folder: Path) -> Iterator[TriedBroker]:
    """A broker of its own in `folder`, ended with the block. Raises CannotProve where it is not installed."""
    try:
        KINDS[kind].find()
    except BrokerMissing as missing:
        raise CannotProve(str(missing)) from missing
    with KINDS[kind](folder) as server, TriedBroker(server) as broker:
        yield broker
