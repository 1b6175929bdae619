import signal
from contextlib import nullcontext
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from demo.brokers import BrokerFailed, BrokerMissing, some_broker
from demo.service import ServiceFailed
from demo.tour import tour


class Command(BaseCommand):
    help = "Show the service on sample data: jobs in every state and their results, then serve until Ctrl-C."
    # This process's own database is not used: the demo has its own state directory.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--exit", action="store_true", help="end after the results, with 0 only if every one is as expected"
        )
        parser.add_argument(
            "--engine",
            choices=["threads", "celery"],
            default="threads",
            help="celery: over a Redis or RabbitMQ server of its own, where one is installed (default: threads)",
        )

    def handle(self, *, exit: bool, engine: str, **options: Any) -> None:  # noqa: A002 - the option's name
        signal.signal(signal.SIGTERM, interrupt)
        try:
            with some_broker() if engine == "celery" else nullcontext() as broker:
                surprises = tour(settings.BASE_DIR, settings.BASE_DIR / ".retail-pulse-demo", broker, stay=not exit)
        except (ServiceFailed, BrokerMissing, BrokerFailed) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            return
        if surprises:
            raise CommandError(f"{len(surprises)} results were not as expected.")


def interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
