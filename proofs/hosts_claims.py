"""Timed claims, made as an engine makes them while a host is paused; a program controlled by standard input.

    python -m proofs.hosts_claims GOOD

Needs the variables of the service whose queue it is; GOOD is a host ("127.0.0.1:80") that has answered often. `claim`
takes SIZE images, of which those of the good host finish at once; `round` is what an engine does twice a second. Each
is answered by a JSON list: its seconds, and the number of images claimed.
"""

import json
import sys
import time

import django

SIZE = 64
# As many images as an engine with SIZE slots has in flight.
FLIGHTS = 96


def main(good: str) -> None:
    from jobs import queue
    from jobs.imaging.host_limits import HostLimits
    from jobs.models import Worker
    from jobs.queue.hosts import shared_pauses

    limits = HostLimits(SIZE, FLIGHTS)
    lanes = queue.Lanes(limits)

    def answer(image: int) -> None:
        limits.fetched(good, image)
        limits.finished(good, image, None, fetch_seconds=0.05, model_seconds=0.25)

    for image in range(-2 * FLIGHTS, 0):
        limits.begin(good, image, 0)
        answer(image)
    worker = Worker.objects.create(host="proof", pid=0, seats=SIZE).pk
    for line in sys.stdin:
        begun = time.monotonic()
        if line.strip() == "round":
            limits.learn_pauses(*shared_pauses())
            lanes.look_around()
            claims = []
        else:
            claims = queue.claim(worker, SIZE, lanes=lanes)
        seconds = time.monotonic() - begun
        for claim in claims:
            answer(claim.image_id)
        sys.stdout.write(json.dumps([seconds, len(claims)]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1])
