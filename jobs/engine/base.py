"""The engine's promise and its interface.

**Guarantee.** Every accepted image reaches exactly one final outcome (one more for each retry that a person
asks for), written by the one claim that still holds it. A crash costs a little delay and perhaps a second
download, never an image and never a second result.

How it is kept: an accepted image is a committed row. A claim is committed before any byte is fetched, and names
its worker and its number; an outcome is written only where the row still carries both. A worker whose lock is
free or whose heartbeat is old is dead, and any living engine hands its claims out again.
"""

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from jobs.imaging.model_step import ModelState


class Engine(ABC):
    """Works the queue of the database that Django is connected to."""

    @abstractmethod
    def start(self) -> None:
        """Begin to claim; returns at once, and does nothing where the engine runs already.

        Raises ImproperlyConfigured where a setting names something that cannot be made.
        """

    @abstractmethod
    def start_announcing(self) -> None:
        """In a process that claims nothing: be ready to tell the engines of others of work. Returns at once."""

    @abstractmethod
    def wait_for_first_look(self, seconds: float) -> None:
        """Wait at most `seconds` until the engine has looked at the queue once, and begun what it found."""

    @abstractmethod
    def stop_claiming(self) -> None:
        """Begin to stop: take no more images. Returns at once, and may be called from a signal handler."""

    @abstractmethod
    def stop(self) -> None:
        """Stop claiming, let images in flight finish for SHUTDOWN_SECONDS, record them, hand the rest back.

        May be called twice, and from any thread.
        """

    @abstractmethod
    def wake_up(self) -> None:
        """Hint that there are ready images, here or in any other process; polling finds them without it.

        Returns soon, and is called after the commit, never within a transaction.
        """

    @property
    @abstractmethod
    def is_running(self) -> bool: ...

    @property
    def has_looked(self) -> bool:
        """Whether it has looked at the queue since it was started."""
        return True

    @property
    @abstractmethod
    def in_flight(self) -> int:
        """How many images are claimed and not yet recorded."""

    @property
    def busy_slots(self) -> int:
        """How many of the WORKER_THREADS are at work on an image."""
        return 0

    @property
    def broker(self) -> Literal["up", "away"] | None:
        """Whether this process can use the broker that hands out its work; None where there is none."""
        return None

    @property
    def model(self) -> "ModelState | None":
        """How this process's model is doing; None where there is nothing to say."""
        return None


@lru_cache(maxsize=1)
def get_engine() -> Engine:
    """This process's engine, made from the ENGINE setting; not started."""
    try:
        engine = import_string(settings.ENGINE)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"ENGINE={settings.ENGINE}: allowed is threads, celery (with its extra) or the path of a class: {error}"
        ) from error
    return cast(Engine, engine())


def wake_up() -> None:
    """Tell the engines that work was committed."""
    get_engine().wake_up()


def forget_engine() -> None:
    """After a fork: the parent's engine has no threads here."""
    get_engine.cache_clear()
