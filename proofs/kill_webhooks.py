"""Whether every receiver is told of every job's end, however often the processes that tell it die."""

import json
import time
from collections import defaultdict
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from proofs.report import Report
from proofs.world.receiver import Receiver
from proofs.world.service import World

PATHS = "/first", "/second", "/third"
# What one that dies holds is sent by another when its lease has ended: WEBHOOK_SECONDS, and half a minute.
SETTINGS = {"WEBHOOK_ALLOW_CIDRS": "127.0.0.1/32", "WEBHOOK_ALLOW_PORTS": "1-65535", "WEBHOOK_SECONDS": "5"}
LONGEST_SECONDS = 120.0

_PENDING = "SELECT count(*) FROM webhooks_delivery WHERE state = 'pending'"
_ENDED = "SELECT id FROM jobs_job WHERE status <> 'ongoing' AND created_at > now() - interval '1 day'"


class Told:
    """A receiver, with an endpoint for each of PATHS from before the first job."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._receiver = Receiver()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self._receiver)
        self._world.cluster.query(
            "INSERT INTO webhooks_endpoint (url, events, secret, asks_since) SELECT url, '{job.ended}',"
            " 'whsec_' || encode('secret', 'base64'), now() - interval '1 hour' FROM unnest(%s::text[]) url",
            [[self._receiver.url(path) for path in PATHS]],
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def wait(self) -> None:
        """Until nothing is left to be sent, for LONGEST_SECONDS at most."""
        until = time.monotonic() + LONGEST_SECONDS
        while self._world.cluster.query(_PENDING)[0][0] and time.monotonic() < until:
            time.sleep(0.2)

    def show(self, report: Report) -> None:
        """Compare what has arrived with the jobs that have ended."""
        ended = {job_id for (job_id,) in self._world.cluster.query(_ENDED)}
        missing = doubled = strange = 0
        for path in PATHS:
            numbers: dict[int, list[str]] = defaultdict(list)
            for each in self._receiver.at(path):
                numbers[json.loads(each.body)["data"]["id"]].append(each.headers["webhook-id"])
            missing += len(ended - numbers.keys())
            doubled += sum(len(got) - 1 for got in numbers.values())
            # A job ends once here: whatever comes again must be the same event.
            strange += sum(len(set(got)) > 1 for got in numbers.values())
        report.bar(
            f"W1 ends of {len(ended):,} jobs that an endpoint missed, of {len(PATHS)}", missing, 0, ok=not missing
        )
        report.bar("W2 events that came again under another number", strange, 0, ok=not strange)
        report.bar("events that came again under the same number", doubled, "any", ok=True)
