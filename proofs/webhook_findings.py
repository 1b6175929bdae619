"""What receivers have heard, compared with the jobs that ended."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from proofs.world.receivers import Heard

ENDED = "job.ended"


@dataclass(slots=True)
class Found:
    """A sentence about everything that is not as promised; what was promised and may be is counted."""

    lost: list[str] = field(default_factory=list)
    two_ids: list[str] = field(default_factory=list)
    two_bodies: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)
    messages: int = 0
    requests: int = 0
    doubled: int = 0
    """Messages that were taken more than once."""


def compare(name: str, jobs: Collection[int], heard: Mapping[str, Heard]) -> Found:
    """What the receiver `name` has heard, where it should have been told of the end of each of these `jobs`.

    A message that was never answered 2xx was not delivered. It must come again under the same id all the same: the
    receiver may have done its work before it failed.
    """
    found = Found(messages=len(heard), requests=sum(each.times for each in heard.values()))
    ended: dict[int, list[str]] = {job_id: [] for job_id in jobs}
    for uid, each in heard.items():
        found.doubled += each.taken > 1
        if len(each.bodies) > 1:
            found.two_bodies.append(f"{name}: {uid} came with {len(each.bodies)} different bodies")
        if each.unsigned:
            found.unsigned.append(f"{name}: {uid} came {each.unsigned} times without the right signature")
        event, job_id = _about(each.bodies[0])
        if job_id not in ended:
            found.strange.append(f"{name}: {uid} is {event} of job {job_id}")
        elif event == ENDED:
            ended[job_id].append(uid)
    found.lost = [
        f"{name}: the end of job {job_id}"
        for job_id, uids in ended.items()
        if not any(heard[uid].taken for uid in uids)
    ]
    found.two_ids = [
        f"{name}: the end of job {job_id} as {', '.join(uids)}" for job_id, uids in ended.items() if len(uids) > 1
    ]
    return found


def ended_at(heard: Mapping[str, Heard]) -> dict[int, float]:
    """When a receiver was first told of the end of each job, in seconds since 1970."""
    return {
        job_id: each.first_at for each in heard.values() for event, job_id in [_about(each.bodies[0])] if event == ENDED
    }


def _about(body: str) -> tuple[str, int]:
    """The type of the event, and the job that it is about; 0 where it is about none."""
    try:
        event = json.loads(body)
        data = event["data"]
        return str(event["type"]), int(data.get("job", data)["id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return body[:100], 0
