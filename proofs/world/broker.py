"""A broker behind a proxy, for a service on ENGINE=celery: what can happen to it, and what waits in it."""

import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kombu import Connection

from demo.brokers import BrokerMissing, RabbitMQ, Redis
from jobs.engine.celery_app import QUEUE, TASK
from proofs.report import CannotProve
from proofs.world.proxy import Proxy

KINDS = {"redis": Redis, "rabbitmq": RabbitMQ}
# For how long a broker stays without memory.
ALARM_SECONDS = 6.0


class TriedBroker:
    """One broker, started and ended by the `with` statement; the service reaches it through a proxy."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.server = KINDS[kind](folder)
        self._stack = ExitStack()
        self._proxy: Proxy

    def __enter__(self) -> Self:
        try:
            self.server.find()
        except BrokerMissing as missing:
            raise CannotProve(str(missing)) from missing
        with ExitStack() as stack:
            stack.enter_context(self.server)
            self._proxy = stack.enter_context(Proxy(self.server.port))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def settings(self) -> dict[str, str]:
        """For the service's processes."""
        url = self.server.url.replace(f":{self.server.port}/", f":{self._proxy.port}/")
        return {"ENGINE": "celery", "BROKER_URL": url}

    def cut(self) -> None:
        """Break every connection."""
        self._proxy.reset_all()

    def flush(self) -> None:
        """Lose every message, and all that the broker knows of its queue."""
        if isinstance(self.server, Redis):
            self.server.ask(b"FLUSHALL")
        else:
            with self._connection() as connection:
                connection.default_channel.queue_delete(QUEUE)

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
            try:
                declared: Any = connection.default_channel.queue_declare(QUEUE, passive=True)
            except connection.channel_errors:
                return 0
            return int(declared.message_count)

    def send(self, number: int) -> None:
        """Send so many messages that nobody asked for, two under each id."""
        with self._connection() as connection, connection.Producer() as producer:
            for each in range(number):
                name = f"stale-{each // 2}"
                producer.publish(
                    [[], {}, {}],
                    routing_key=QUEUE,
                    exchange="",
                    serializer="json",
                    delivery_mode="transient",
                    headers={"lang": "py", "task": TASK, "id": name, "root_id": name},
                    correlation_id=name,
                )

    def _as[B](self, kind: type[B]) -> B | None:
        return self.server if isinstance(self.server, kind) else None

    def _connection(self) -> Connection:
        return Connection(self.server.url, connect_timeout=2)
