"""Celery's settings, each with its reason; numbers of issues are those of Celery, or of the library that is named."""

import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from celery import Celery
from kombu import Queue

if TYPE_CHECKING:
    from jobs.engine.celery import CeleryEngine

QUEUE = "retail_pulse"
TASK = "jobs.work_shift"
# For connecting, and for an answer of the broker; a broker that takes longer counts as away.
CONNECT_SECONDS = 2
ANSWER_SECONDS = 5
# A shift that nobody confirms is handed out again after this time; a message that nobody wants for so long is dropped.
VISIBLE_AGAIN_SECONDS = 60
# How often an idle connection is tried; two silent ones, and it is given up.
HEARTBEAT_SECONDS = 10
# The queue never holds more: the publisher of each process stops far below.
MOST_WAITING = 1_000

_AMQP: dict[str, Any] = {
    # Without it, a full or blocked broker would drop a message and say nothing (#5410).
    "confirm_publish": True,
    "read_timeout": ANSWER_SECONDS,
    "write_timeout": ANSWER_SECONDS,
}
_REDIS: dict[str, Any] = {
    "visibility_timeout": VISIBLE_AGAIN_SECONDS,
    # Each second sweep of five seconds; the default takes a hundred.
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    # Without it, a connection that went silent is waited for for ever (kombu #2558).
    "socket_timeout": ANSWER_SECONDS,
    "socket_connect_timeout": CONNECT_SECONDS,
    "socket_keepalive": True,
    # For how long one BRPOP waits for a message, and the end of a worker for its last BRPOP.
    "polling_interval": 0.5,
    "health_check_interval": HEARTBEAT_SECONDS,
}
# Else kombu would trust any certificate of a Redis, and that of any host of a RabbitMQ. (None: the host of the URL.)
_TLS: dict[str, dict[str, Any]] = {
    "rediss": {"ssl_cert_reqs": ssl.CERT_REQUIRED},
    "amqps": {"server_hostname": None},
}
# Hints need no Raft; and classic queues are durable, because RabbitMQ 4.3 refuses others (#10290).
_CLASSIC = {"x-max-length": MOST_WAITING, "x-message-ttl": VISIBLE_AGAIN_SECONDS * 1000}


class App(Celery):
    """Celery, with the engine that its task and its consumer belong to."""

    engine: "CeleryEngine"


def is_redis(url: str) -> bool:
    return url.startswith("redis")


def make_app(url: str, work_shift: Callable[[], str], *, events: bool = False) -> App:
    """A Celery of its own for the broker at `url`, whose task calls `work_shift`; its workers may send `events`."""
    redis = is_redis(url)
    # Without fixups: that for Django would set Django up a second time, with new handlers under our log.
    app = App("retail_pulse", broker=url, set_as_current=False, fixups=[])
    app.conf.update(
        task_queues=[Queue(QUEUE, routing_key=QUEUE, durable=True, queue_arguments=None if redis else _CLASSIC)],
        task_default_queue=QUEUE,
        # Slots and database connections live in one process, and one shift at a time is all that it can use.
        worker_pool="threads",
        worker_concurrency=1,
        # No hoarding: a message belongs to whoever works on it, until it is done.
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        # Only known on Redis; AMQP has its own (#9913).
        worker_disable_prefetch=redis,
        # Outcomes are in the database: no result backend, nothing that waits in a worker (#6819 #6067 #6236).
        task_ignore_result=True,
        # Messages are hints, which a crash of the broker may lose.
        task_default_delivery_mode="transient",
        # Quorum mode declares 28 queues for delays (kombu #2481 #2665).
        worker_detect_quorum_queues=False,
        broker_transport_options=_REDIS if redis else _AMQP,
        broker_use_ssl=_TLS.get(url.partition(":")[0]),
        broker_connection_timeout=CONNECT_SECONDS,
        broker_pool_limit=None,
        broker_heartbeat=HEARTBEAT_SECONDS,
        # A worker outlives any outage, from its start on.
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,
        task_publish_retry=False,
        # A shift goes on without its broker; its claims are in the database.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_prefetch_count_reduction=False,
        # SHUTDOWN_SECONDS is the time to drain.
        worker_soft_shutdown_timeout=0,
        # Leaks and hangs at reconnection (#8030 #4843 #10277): only for those who watch.
        worker_send_task_events=events,
        worker_consumer="jobs.engine.consumer:Consumer",
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    # Its own: by default, every app of the process would get the task of the first.
    app.task(name=TASK, shared=False)(work_shift)
    # Now, and not by two threads at once.
    app.finalize()
    return app
