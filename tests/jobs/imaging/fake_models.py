"""Models for tests: what they are called with, and how they fail, is in the test's hands."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from jobs.imaging.batch import BatchStep, ModelAway
from jobs.imaging.batcher import Batcher
from jobs.imaging.ticket import Ticket
from jobs.imaging.types import Claim, Measurement

SAMPLE = "sample"
MEASUREMENT = Measurement(40, 30, "JPEG")


def doubled(items: Sequence[Any]) -> list[dict[str, Any] | None]:
    return [{"item": item} for item in items]


class FakeModel(BatchStep):
    """`calls` are the items of each call, the first of which is the sample; `act` computes them."""

    name, version = "fake", "7"

    def __init__(self, act: Callable[[Sequence[Any]], Any] = doubled) -> None:
        self.act = act
        self.calls: list[list[Any]] = []
        self.loads = 0

    def load(self) -> None:
        self.loads += 1

    def prepare(self, image, measurement):
        return SAMPLE if image.read(2) == b"\xff\xd8" else measurement.width

    def infer_batch(self, items):
        self.calls.append(list(items))
        return self.act(items)

    @property
    def sizes(self) -> list[int]:
        """Of the calls but the first."""
        return [len(items) for items in self.calls[1:]]


class Held(FakeModel):
    """Computes only while it is `open`; `entered` counts calls that have begun."""

    def __init__(self, act: Callable[[Sequence[Any]], Any] = doubled) -> None:
        super().__init__(act)
        self.open = threading.Event()

    def infer_batch(self, items):
        self.calls.append(list(items))
        if list(items) != [SAMPLE]:
            assert self.open.wait(30)
        return self.act(items)


@contextmanager
def running(*steps: BatchStep, **options: Any) -> Iterator[Batcher]:
    defaults: dict[str, Any] = {"size": 32, "linger_seconds": 3600.0, "step_seconds": 3600.0, "lose": lambda _: None}
    batcher = Batcher(steps, **defaults | options)
    try:
        batcher.start()
        yield batcher
    finally:
        for step in steps:
            if isinstance(step, Held):
                step.open.set()
        batcher.close()


def claim(number: int = 1) -> Claim:
    return Claim(number, 1, claim_no=1, attempt=1, url=f"http://photos.test/{number}")


def submitted(batcher: Batcher, items: Sequence[Any]) -> list[Ticket]:
    return [batcher.submit(claim(number), item) for number, item in enumerate(items)]


def outcomes(tickets: Sequence[Ticket]) -> list[Any]:
    """What became of each: the item that was answered, or the exception."""
    found: list[Any] = []
    for ticket in tickets:
        try:
            answer = ticket.wait()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is
            found.append(error)
        else:
            found.append(answer and answer["item"])
    return found


def kinds(tickets: Sequence[Ticket]) -> list[Any]:
    """The items that were answered, and the types of exceptions."""
    return [type(each) if isinstance(each, BaseException) else each for each in outcomes(tickets)]


def fails_on(*bad: Any, error: BaseException | None = None) -> Callable[[Sequence[Any]], Any]:
    """A model that fails on every batch with one of these items in it."""

    def act(items):
        if set(items) & set(bad):
            raise error or ValueError("cannot reshape")
        return doubled(items)

    return act


def away(_: Sequence[Any]) -> Any:
    raise ModelAway("connection refused")
