"""Works off the queue as an engine does, but without any download, until it is killed.

    python -m proofs.feed_writer SEED

Needs the variables of the service whose queue it is. One image in twenty fails.
"""

import random
import sys

import django

# Images of a batch, at most.
MOST_IMAGES = 64
WAIT_SECONDS = 0.05


def main(seed: str) -> None:
    from jobs import queue
    from jobs.engine.heartbeat import Heartbeat
    from jobs.errors import NotAnImage
    from jobs.imaging.types import Claim, Evidence, Measurement, Outcome

    rng = random.Random(seed)  # noqa: S311 - to be repeated

    def outcome(claim: Claim) -> Outcome:
        if rng.random() < 0.05:
            return Outcome(claim, Evidence(), error=NotAnImage())
        return Outcome(claim, Evidence(http_status=200, bytes=1000), Measurement(640, 480, "JPEG"))

    heartbeat = Heartbeat(MOST_IMAGES)
    while True:
        if rng.random() < 0.1:
            queue.rescue()
        claims = queue.claim(heartbeat.worker_id, rng.randint(1, MOST_IMAGES))
        heartbeat.wait(0.0 if claims else WAIT_SECONDS)
        rng.shuffle(claims)
        while claims:
            part, claims = claims[: (size := rng.randint(1, MOST_IMAGES))], claims[size:]
            queue.record(heartbeat.worker_id, [outcome(claim) for claim in part])


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1])
